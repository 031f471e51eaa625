using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training;

/// <summary>A source as the loop reads it: epoch after epoch, and never two epochs in one gradient.</summary>
internal sealed class BatchFeed(IBatchSource source)
{
    private readonly List<StepBatch> _taken = [];
    private int _epoch;
    private long _position;

    public IBatchSource Source => source;

    /// <summary>The batch that comes next; beyond the last of an epoch it is the first of the next.</summary>
    public FeedPosition Position => new(_epoch, _position);

    public void Start(FeedPosition position)
    {
        (_epoch, _position) = position;
        // At the end of an epoch no batch is left; the next one is started when it is needed.
        if (_position < source.BatchesPerEpoch)
            source.StartEpoch(_epoch, _position);
    }

    /// <summary>Continues at a position with the state that the source had there.</summary>
    public void Resume(FeedPosition position, BatchSourceState state)
    {
        (_epoch, _position) = position;
        ((IStatefulBatchSource)source).RestoreState(state);
    }

    /// <summary>
    /// Up to <paramref name="count"/> batches, at least one; fewer where the epoch ends. Several processes deal them out: each knows of the
    /// batches of the others only their rows.
    /// </summary>
    /// <param name="count">The batches of a step.</param>
    /// <param name="rank">The number of this process, from 0.</param>
    /// <param name="processes">The processes.</param>
    public List<StepBatch> Take(int count, int rank = 0, int processes = 1)
    {
        if (_position == source.BatchesPerEpoch)
            Start(new FeedPosition(_epoch + 1, 0));

        _taken.Clear();
        long taken = Math.Min(count, source.BatchesPerEpoch - _position);
        for (int i = 0; i < taken; i++)
        {
            bool isOwn = i % processes == rank;
            // A process that has none computes another's losses, so that it takes as much noise as the others.
            TensorBatch? batch = isOwn || (i == 0 && rank >= taken) ? source.Next() : null;
            _taken.Add(new StepBatch(batch?.Rows ?? source.Skip(), isOwn, batch));
            _position++;
        }

        return _taken;
    }
}
