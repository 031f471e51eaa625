using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// Batches of sequences and their targets, [batch, time] each, Int64. A batch weighs as much as it has targets, so that each token weighs
/// the same, whatever sequence it is in.
/// </summary>
internal sealed class TokenBatches : IBatchSource
{
    private readonly TokenCorpus _corpus;
    private readonly ITokenSequences _sequences;
    private readonly int _batchSize;
    private readonly long? _shuffleSeed;
    private readonly torch.Device _device;
    private long[]? _order;
    private long _position;
    private int _epoch;

    /// <param name="corpus">The tokens.</param>
    /// <param name="sequences">The sequences of tokens.</param>
    /// <param name="batchSize">Sequences in a batch.</param>
    /// <param name="shuffleSeed">The seed of the order, or <see langword="null"/> for the corpus' own.</param>
    /// <param name="device">Where the batches go.</param>
    public TokenBatches(TokenCorpus corpus, ITokenSequences sequences, int batchSize, long? shuffleSeed, torch.Device device)
    {
        (_corpus, _sequences, _batchSize, _shuffleSeed, _device) = (corpus, sequences, batchSize, shuffleSeed, device);
    }

    public long BatchesPerEpoch => (_sequences.Count + _batchSize - 1) / _batchSize;

    public string Fingerprint => $"{_corpus.Fingerprint} {_sequences.Fingerprint}";

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        (_epoch, _position) = (epoch, skipBatches * _batchSize);
        if (_shuffleSeed is not { } seed)
            return;

        using var generator = new torch.Generator((ulong)SeedSequence.Derive(seed, epoch));
        using torch.Tensor order = torch.randperm(_sequences.Count, generator: generator);
        _order = TensorMemory.ToArray<long>(order);
    }

    public TensorBatch Next()
    {
        if (_position >= _sequences.Count)
            throw new InvalidOperationException("The epoch has no more batches.");

        int size = (int)Math.Min(_batchSize, _sequences.Count - _position);
        var spans = new TokenSpan[size];
        for (int i = 0; i < size; i++)
            spans[i] = _sequences.Get(_order?[_position + i] ?? _position + i, _shuffleSeed is null ? null : _epoch);
        _position += size;
        return Make(_corpus, spans, _device);
    }

    public int Skip()
    {
        if (_position >= _sequences.Count)
            throw new InvalidOperationException("The epoch has no more batches.");
        int size = (int)Math.Min(_batchSize, _sequences.Count - _position);
        _position += size;
        return size;
    }

    /// <summary>A batch of these sequences; the shorter are filled up at the end with tokens 0 that are no targets.</summary>
    public static TensorBatch Make(TokenCorpus corpus, ReadOnlySpan<TokenSpan> spans, torch.Device device)
    {
        int time = 1, targetCount = 0;
        foreach (TokenSpan span in spans)
        {
            time = Math.Max(time, span.Length);
            targetCount += span.Length - span.Ignored;
        }

        torch.Tensor inputs = torch.zeros([spans.Length, time], dtype: torch.int64);
        torch.Tensor targets = TensorFactory.Constant([spans.Length, time], LanguageModelNetwork.NoTarget);
        Span<long> inputRows = MemoryMarshal.Cast<byte, long>(inputs.bytes), targetRows = MemoryMarshal.Cast<byte, long>(targets.bytes);
        for (int row = 0; row < spans.Length; row++)
        {
            (long start, int length, int ignored) = spans[row];
            corpus.CopyTo(start, inputRows.Slice(row * time, length));
            corpus.CopyTo(start + 1 + ignored, targetRows.Slice(row * time + ignored, length - ignored));
            foreach (TokenRange skipped in corpus.Skipped(start + 1, start + 1 + length))
            {
                targetRows.Slice((int)(row * time + skipped.Start - start - 1), (int)skipped.Count).Fill(LanguageModelNetwork.NoTarget);
                targetCount -= (int)skipped.Count;
            }
        }

        return new TensorBatch(spans.Length, inputs.OnDevice(device), targets.OnDevice(device)) { Weight = targetCount };
    }
}

/// <summary>The sequences of a corpus.</summary>
internal interface ITokenSequences
{
    long Count { get; }

    /// <summary>Identifies the sequences, beside the corpus.</summary>
    string Fingerprint { get; }

    /// <summary>A sequence by its number, for an epoch of a training or, without one, for scoring.</summary>
    TokenSpan Get(long index, int? epoch);
}

/// <summary>
/// Concatenated documents, cut into windows of the context's length. Each epoch of a training cuts at other places; for scoring, each
/// token is the target of one window.
/// </summary>
internal sealed class TokenWindows(TokenRange tokens, int contextLength, long seed) : ITokenSequences
{
    private readonly long _targets = tokens.Count - 1;
    private readonly int _length = (int)Math.Min(contextLength, tokens.Count - 1);

    public long Count => (_targets + _length - 1) / _length;

    public string Fingerprint => $"{tokens.Start}+{tokens.Count} in windows of {_length}";

    public TokenSpan Get(long index, int? epoch)
    {
        // The last window begins early enough to be whole; only in scoring would it matter that it sees targets twice.
        long offset = epoch is { } e ? (long)((ulong)SeedSequence.Derive(seed, e) % (ulong)_length) : 0;
        long wanted = index * _length - offset;
        long start = Math.Clamp(wanted, 0, _targets - _length);
        return new TokenSpan(tokens.Start + start, _length, epoch is null ? (int)(wanted - start) : 0);
    }
}

/// <summary>Examples, each a sequence of its own.</summary>
internal sealed class TokenExamples(TokenCorpus corpus, long start, long count) : ITokenSequences
{
    public long Count => count;

    public string Fingerprint => $"examples {start}+{count}";

    public TokenSpan Get(long index, int? epoch) => corpus.Examples[(int)(start + index)];
}
