using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// Noise of a step of several batches: the first one draws for the rows of all, and each takes its part, so that every row has the noise
/// that it would have in one batch.
/// </summary>
/// <param name="rows">The rows of all batches.</param>
internal sealed class StepDraws(long rows) : IDisposable
{
    private readonly List<torch.Tensor> _drawn = [];
    private long _first;
    private int _next;

    /// <summary>The place of the next batch's first row among the rows of all batches.</summary>
    public long FirstRow => _first;

    /// <summary>The part of the step's rows that a batch has.</summary>
    public double Share(int batchRows) => (double)batchRows / rows;

    /// <summary>The noise of the next draw of the batch.</summary>
    /// <param name="batchRows">The rows of the batch.</param>
    /// <param name="draw">Draws for a number of rows.</param>
    /// <param name="dimension">The dimension of the rows.</param>
    public torch.Tensor Take(long batchRows, Func<long, torch.Tensor> draw, int dimension)
    {
        if (_next == _drawn.Count)
            _drawn.Add(draw(rows).DetachFromDisposeScope());
        return _drawn[_next++].narrow(dimension, _first, batchRows);
    }

    /// <summary>Continues with the next batch.</summary>
    public void EndBatch(int batchRows)
    {
        _first += batchRows;
        _next = 0;
    }

    public void Dispose()
    {
        foreach (torch.Tensor drawn in _drawn)
            drawn.Dispose();
    }
}
