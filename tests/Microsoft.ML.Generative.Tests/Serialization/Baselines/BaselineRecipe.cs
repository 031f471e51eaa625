using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

/// <summary>How a model of the baselines was made, and what it is asked.</summary>
/// <param name="Data">The rows that it is trained on.</param>
/// <param name="Fit">Trains it, with options that are changed in the way given.</param>
/// <param name="Measure">Adds what a model computes.</param>
internal sealed record BaselineRecipe(
    Func<MLContext, IDataView> Data,
    Func<MLContext, Action<TrainingOptions>, ITransformer> Fit,
    Action<MLContext, ITransformer, BaselineOutputs> Measure)
{
    /// <summary>The step after which the training of the checkpoints was interrupted, in the middle of the second epoch.</summary>
    public const long InterruptedStep = 5;

    /// <summary>
    /// The format that is written today, as the header of a model file has it; files keep that of their time in their names (the first ones
    /// counted by family: 1 and 2).
    /// </summary>
    public static string CurrentFormat { get; } = $"{ModelFormat.FirstDefinition >> 16}.{ModelFormat.FirstDefinition & 0xFFFF}";

    /// <summary>Whether there is a file of today's format: of each family one or two, so that there are few.</summary>
    public bool IsCurrent { get; init; }

    /// <summary>
    /// The stages of a training, if one that was interrupted in the last of them is kept: its checkpoints begin with these names.
    /// </summary>
    public string[]? Stages { get; init; }

    public static IEnumerable<string> Describe(DataViewSchema schema) => schema.Select(c => $"{c.Name} {c.Type}");

    /// <param name="schema">That of the model's file, if the model was saved with one.</param>
    public BaselineOutputs Outputs(MLContext ml, ITransformer model, DataViewSchema? schema = null)
    {
        // Such small networks gain nothing by more, and on a busy machine threads wait for each other for long.
        using IDisposable threads = TorchThreads.Scope(1);
        var outputs = new BaselineOutputs();
        if (schema is not null)
            outputs.Add("Schema", Describe(schema));
        Measure(ml, model, outputs);
        return outputs;
    }
}
