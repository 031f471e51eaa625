using Microsoft.ML.Generative.Data.Batches;

namespace Microsoft.ML.Generative.Training;

/// <summary>The rows that a model learns, and those that validate it.</summary>
/// <param name="Rows">The rows to learn.</param>
/// <param name="ValidationRows">The rows to validate on, if there are any.</param>
/// <param name="Batches">The rows to learn, in batches of the options' size.</param>
/// <param name="ValidationBatches">The rows to validate on, in batches and in their order.</param>
internal sealed record TrainingData(TensorSource Rows, TensorSource? ValidationRows, IBatchSource Batches, IBatchSource? ValidationBatches)
{
    /// <summary>The rows that previews show: of the validation data where there is some.</summary>
    public TensorSource PreviewRows => ValidationRows ?? Rows;
}
