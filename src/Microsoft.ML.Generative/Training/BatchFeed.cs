using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training;

/// <summary>A source as the loop draws from it: epoch after epoch, and never from two epochs in one step's gradient.</summary>
internal sealed class BatchFeed(IBatchSource source)
{
    private readonly List<TensorBatch> _drawn = [];
    private int _epoch;
    private long _position;

    public IBatchSource Source => source;

    /// <summary>The batch that comes next; beyond the last of an epoch it is the first of the next.</summary>
    public FeedPosition Position => new(_epoch, _position);

    public void Start(FeedPosition position)
    {
        (_epoch, _position) = position;
        // At the end of an epoch there is nothing to draw; the next one is started when it is needed.
        if (_position < source.BatchesPerEpoch)
            source.StartEpoch(_epoch, _position);
    }

    /// <summary>Up to <paramref name="count"/> batches, at least one; fewer where the epoch ends.</summary>
    public List<TensorBatch> Draw(int count)
    {
        if (_position == source.BatchesPerEpoch)
            Start(new FeedPosition(_epoch + 1, 0));

        _drawn.Clear();
        while (_drawn.Count < count && _position < source.BatchesPerEpoch)
        {
            _drawn.Add(source.Next());
            _position++;
        }

        return _drawn;
    }
}
