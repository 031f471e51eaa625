using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// Concatenated tokens in memory, two bytes each where the vocabulary allows it, and the sequences that a training takes from them.
/// </summary>
internal sealed class TokenCorpus
{
    private const int FirstCapacity = 1 << 12;

    private readonly bool _isWide;
    private readonly long _maxBytes;
    private readonly List<TokenSpan> _examples = [];
    private readonly List<TokenRange> _skipped = [];
    private byte[] _bytes;
    private int _used;
    private string? _fingerprint;

    /// <param name="vocabularySize">Tokens are below this.</param>
    /// <param name="maxBytes">Bytes that they may take.</param>
    public TokenCorpus(int vocabularySize, long maxBytes)
    {
        _isWide = vocabularySize > ushort.MaxValue + 1;
        _maxBytes = Math.Min(maxBytes, Array.MaxLength);
        _bytes = new byte[FirstCapacity];
    }

    /// <summary>Tokens in all.</summary>
    public long Count => _used / Width;

    /// <summary>Rows that the tokens came from.</summary>
    public long Rows { get; set; }

    /// <summary>Sequences that were added as examples of their own.</summary>
    public IReadOnlyList<TokenSpan> Examples => _examples;

    /// <summary>Identifies the tokens and examples.</summary>
    public string Fingerprint => _fingerprint ??= ComputeFingerprint();

    private int Width => _isWide ? sizeof(int) : sizeof(ushort);

    /// <summary>Adds tokens to the stream of documents.</summary>
    /// <exception cref="InvalidOperationException">They do not fit the memory allowed.</exception>
    public void Add(ReadOnlySpan<int> tokens)
    {
        Reserve((long)tokens.Length * Width);
        Span<byte> free = _bytes.AsSpan(_used);
        if (_isWide)
        {
            MemoryMarshal.AsBytes(tokens).CopyTo(free);
        }
        else
        {
            Span<ushort> narrow = MemoryMarshal.Cast<byte, ushort>(free);
            for (int i = 0; i < tokens.Length; i++)
                narrow[i] = checked((ushort)tokens[i]);
        }

        _used += tokens.Length * Width;
    }

    /// <summary>Adds a sequence that is learned by itself, from the token after the first <paramref name="prompt"/> on.</summary>
    /// <inheritdoc cref="Add" path="/exception"/>
    public void AddExample(ReadOnlySpan<int> tokens, int prompt)
    {
        _examples.Add(new TokenSpan(Count, tokens.Length - 1, prompt - 1));
        Add(tokens);
    }

    /// <summary>Adds a sequence that is learned by itself, but only some of its tokens.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="isLearned">Which of them are learned: the last, and not the first.</param>
    /// <inheritdoc cref="Add" path="/exception"/>
    public void AddExample(ReadOnlySpan<int> tokens, ReadOnlySpan<bool> isLearned)
    {
        int first = isLearned.IndexOf(true);
        for (int from = first; from < tokens.Length;)
        {
            int learned = isLearned[from..].IndexOf(false);
            if (learned < 0)
                break;
            int skipped = isLearned[(from + learned)..].IndexOf(true);
            _skipped.Add(new TokenRange(Count + from + learned, skipped));
            from += learned + skipped;
        }

        AddExample(tokens, first);
    }

    /// <summary>Ranges of tokens that are not learned between learned tokens, of a part of the corpus; in their order.</summary>
    public IEnumerable<TokenRange> Skipped(long start, long end)
    {
        int low = 0, high = _skipped.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _skipped[middle].Start < start ? (middle + 1, high) : (low, middle);
        }

        for (; low < _skipped.Count && _skipped[low].Start < end; low++)
            yield return _skipped[low];
    }

    /// <summary>Copies tokens, widened.</summary>
    public void CopyTo(long start, Span<long> destination)
    {
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(0, _used).Slice(checked((int)(start * Width)), destination.Length * Width);
        if (_isWide)
            System.Numerics.Tensors.TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, int>(bytes), destination);
        else
            System.Numerics.Tensors.TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, ushort>(bytes), destination);
    }

    /// <summary>The tokens of a sequence, with the last target.</summary>
    public int[] TokensOf(TokenSpan span)
    {
        long[] tokens = new long[span.Length + 1];
        CopyTo(span.Start, tokens);
        return Array.ConvertAll(tokens, token => (int)token);
    }

    private void Reserve(long bytes)
    {
        long needed = _used + bytes;
        if (needed > _maxBytes)
            throw new InvalidOperationException(
                $"The text has more tokens than fit {_maxBytes:N0} bytes of memory ({Width} bytes a token): raise "
                + $"{nameof(TrainingOptions.MemoryBudget)}, up to {Array.MaxLength:N0}, or train on parts of the data one after the "
                + "other.");
        if (needed > _bytes.Length)
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(needed, 2L * _bytes.Length)));
    }

    private string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(_bytes.AsSpan(0, _used));
        hash.AppendData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_examples)));
        hash.AppendData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_skipped)));
        return $"{Rows} rows, {Count} tokens, {Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }
}

/// <summary>
/// A sequence of tokens to learn from: each of the first <paramref name="Length"/> is followed by a target, its successor.
/// </summary>
/// <param name="Start">The first token.</param>
/// <param name="Length">Tokens that have a successor.</param>
/// <param name="Ignored">Targets at the beginning that are not learned.</param>
internal readonly record struct TokenSpan(long Start, int Length, int Ignored);

/// <summary>Some tokens of a corpus.</summary>
internal readonly record struct TokenRange(long Start, long Count);
