using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Columns of the same rows, each a tensor whose first dimension is the row.</summary>
internal readonly record struct TensorBatch(int Rows, params torch.Tensor[] Columns)
{
    private readonly long? _weight;
    private readonly long? _samples;

    /// <summary>
    /// How much the batch counts in the gradient of a step and in averages: the number of values that its loss is the mean of. By default
    /// its rows; for sequences their target tokens. With 0 there is nothing to learn in it.
    /// </summary>
    public long Weight
    {
        get => _weight ?? Rows;
        init => _weight = value;
    }

    /// <summary>What speeds count: by default what the batch weighs; for texts their tokens.</summary>
    public long Samples
    {
        get => _samples ?? Weight;
        init => _samples = value;
    }

    public torch.Tensor this[int column] => Columns[column];
}
