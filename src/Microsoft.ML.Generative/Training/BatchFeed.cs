namespace Microsoft.ML.Generative;

/// <summary>A source as the loop draws from it: epoch after epoch, and never from two epochs in one step's gradient.</summary>
internal sealed class BatchFeed(IBatchSource source)
{
    private readonly List<TensorBatch> _drawn = [];
    private int _epoch;
    private long _position;

    public IBatchSource Source => source;

    public void Start(int epoch)
    {
        source.StartEpoch(epoch);
        _epoch = epoch;
        _position = 0;
    }

    /// <summary>Up to <paramref name="count"/> batches, at least one; fewer where the epoch ends.</summary>
    public List<TensorBatch> Draw(int count)
    {
        if (_position == source.BatchesPerEpoch)
            Start(_epoch + 1);

        _drawn.Clear();
        while (_drawn.Count < count && _position < source.BatchesPerEpoch)
        {
            _drawn.Add(source.Next());
            _position++;
        }

        return _drawn;
    }
}
