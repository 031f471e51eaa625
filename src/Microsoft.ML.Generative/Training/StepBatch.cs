using Microsoft.ML.Generative.Data.Batches;

namespace Microsoft.ML.Generative.Training;

/// <summary>One of the batches that make a step.</summary>
/// <param name="Rows">Its rows.</param>
/// <param name="IsOwn">Whether this process learns from it.</param>
/// <param name="Batch">The batch, where this process has it.</param>
internal readonly record struct StepBatch(int Rows, bool IsOwn, TensorBatch? Batch);
