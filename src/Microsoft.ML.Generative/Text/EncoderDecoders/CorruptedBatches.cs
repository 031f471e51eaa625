using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>Pairs that span corruption makes of windows of texts: other spans in each epoch of a training.</summary>
/// <param name="windows">Batches of windows, as <see cref="TokenBatches"/> makes them.</param>
/// <param name="batchSize">Windows in a batch.</param>
/// <param name="corruption">Chooses spans.</param>
/// <param name="tokens">The sentinels, and the token that begins targets.</param>
/// <param name="end">The token that ends sources and targets; <see langword="null"/>: none does.</param>
/// <param name="seed">What the spans depend on.</param>
/// <param name="device">Where the batches go.</param>
internal sealed class CorruptedBatches(
    IBatchSource windows, int batchSize, SpanCorruption corruption, SequenceTokens tokens, int? end, long seed, torch.Device device)
    : IBatchSource
{
    private long _epochSeed;
    private long _row;

    public long BatchesPerEpoch => windows.BatchesPerEpoch;

    public string Fingerprint => windows.Fingerprint;

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        windows.StartEpoch(epoch, skipBatches);
        (_epochSeed, _row) = (SeedSequence.Derive(seed, epoch), skipBatches * batchSize);
    }

    public TensorBatch Next()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor batch = windows.Next()[0]; // [batch, time]
        long[] all = TensorMemory.ToArray<long>(batch.cpu());
        int rows = (int)batch.size(0), time = (int)batch.size(1);
        var sources = new int[rows][];
        var targets = new int[rows][];
        for (int row = 0; row < rows; row++)
        {
            int[] window = Array.ConvertAll(all[(row * time)..((row + 1) * time)], token => (int)token);
            bool[] mask = corruption.Mask(time, SeedSequence.Derive(_epochSeed, _row++));
            sources[row] = [.. SpanCorruption.Replace(window, mask, tokens.Sentinel), .. End()];
            bool[] isKept = Array.ConvertAll(mask, isReplaced => !isReplaced);
            targets[row] = [.. SpanCorruption.Replace(window, isKept, tokens.Sentinel), .. End()];
        }

        TensorBatch pairs = SequenceBatch.Make(sources, targets, tokens.Start, device);
        return pairs with { Columns = [.. pairs.Columns.Select(column => column.MoveToOuterDisposeScope())] };

        int[] End() => end is { } token ? [token] : [];
    }

    public int Skip()
    {
        int rows = windows.Skip();
        _row += rows;
        return rows;
    }
}
