using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Decoding by tensor operations, on any device.</summary>
internal sealed class TorchDecodingSession : IDecodingSession
{
    /// <summary>Tokens of a prompt that go through together: more take more memory for what attends to what.</summary>
    internal const int BlockLength = 512;

    private readonly DecoderStack _network;
    private readonly torch.Device _device;
    private readonly AttentionCache[] _caches;
    private readonly int[] _lengths;
    private readonly TorchSources? _sources;

    /// <param name="network">The network, which has to outlive the session.</param>
    /// <param name="streams">Streams.</param>
    /// <param name="contextLength">Tokens that a stream can hold, at most those of the network.</param>
    /// <param name="device">Where the network is.</param>
    public TorchDecodingSession(DecoderStack network, int streams, int contextLength, torch.Device device)
    {
        (_network, _device, ContextLength) = (network, device, contextLength);
        _lengths = new int[streams];
        if (network.Shape.Block.HasCrossAttention)
            _sources = new TorchSources(network, streams, device);
        using DisposeScope scope = torch.NewDisposeScope();
        _caches = network.NewCaches(streams, contextLength);
        foreach (AttentionCache cache in _caches)
        {
            cache.Keys.DetachFromDisposeScope();
            cache.Values.DetachFromDisposeScope();
        }
    }

    public int Streams => _lengths.Length;

    public int VocabularySize => _network.Shape.VocabularySize;

    public int ContextLength { get; }

    public void Append(ReadOnlySpan<int> streams, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        foreach (int stream in streams)
            CheckRoom(stream, 1);

        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        long[] rows = Array.ConvertAll(streams.ToArray(), s => (long)s);
        long[] where = Array.ConvertAll(rows, s => (long)_lengths[s]);
        torch.Tensor index = torch.tensor(rows, device: _device); // [rows]
        long seen = where.Max() + 1;
        Run(streams, tokens, torch.tensor(where, [rows.Length, 1], device: _device), seen, Store, logits);
        foreach (int stream in streams)
            _lengths[stream]++;

        // Each stream is somewhere else: [rows, key heads, 1, headSize] goes to its own position.
        torch.Tensor Store(torch.Tensor cached, torch.Tensor added)
        {
            for (int i = 0; i < rows.Length; i++)
                cached[rows[i]].narrow(1, where[i], 1).copy_(added[i]);
            return cached.narrow(2, 0, seen).index_select(0, index); // [rows, key heads, seen, headSize]
        }
    }

    public void Prefill(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        CheckRoom(stream, tokens.Length);
        if (tokens.IsEmpty)
            throw new ArgumentException("No tokens are given, and only they have logits.", nameof(tokens));

        using IDisposable noGradient = torch.no_grad();
        while (!tokens.IsEmpty)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            int start = _lengths[stream], count = Math.Min(BlockLength, tokens.Length);
            torch.Tensor positions = TensorFactory.Range(start, start + count, device: _device).unsqueeze(0); // [1, added]
            Run([stream], tokens[..count], positions, start + count, Store, tokens.Length == count ? logits : []);
            _lengths[stream] += count;
            tokens = tokens[count..];

            torch.Tensor Store(torch.Tensor cached, torch.Tensor added)
            {
                cached[stream].narrow(1, start, count).copy_(added[0]);
                return cached.narrow(0, stream, 1).narrow(2, 0, start + count); // [1, key heads, seen, headSize]
            }
        }
    }

    public void SetSource(int stream, SourceStates source)
    {
        if (_sources is null)
            throw new NotSupportedException("The model has no encoder.");
        _sources.Set(stream, source);
    }

    public void Copy(int from, int to)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        foreach (AttentionCache cache in _caches)
        {
            cache.Keys[to].copy_(cache.Keys[from]);
            cache.Values[to].copy_(cache.Values[from]);
        }

        _lengths[to] = _lengths[from];
        _sources?.Copy(from, to);
    }

    public void Truncate(int stream, int length) => _lengths[stream] = Math.Min(length, _lengths[stream]);

    public void Reset(int stream) => _lengths[stream] = 0;

    public void Dispose()
    {
        foreach (AttentionCache cache in _caches)
        {
            cache.Keys.Dispose();
            cache.Values.Dispose();
        }

        _sources?.Dispose();
    }

    // Positions are [rows, added]; each attends to what its stream has seen.
    private void Run(
        ReadOnlySpan<int> streams,
        ReadOnlySpan<int> tokens,
        torch.Tensor positions,
        long seen,
        Func<torch.Tensor, torch.Tensor, torch.Tensor> store,
        Span<float> logits)
    {
        // Also where a training that has another type decodes: keys and values are kept in Float32.
        using IDisposable precision = MixedPrecision.Scope(null);
        torch.Tensor added = torch.tensor(Array.ConvertAll(tokens.ToArray(), t => (long)t), positions.shape, device: _device);
        torch.Tensor mask = _network.Shape.Block.Window.Mask(positions, seen).unsqueeze(1); // [rows, 1, added, seen]
        torch.Tensor next = _network.Next(added, positions, _caches, store, mask, _sources?.Of(streams)); // [rows, vocabulary]
        if (!logits.IsEmpty)
            TensorMemory.ToArray<float>(next.cpu()).CopyTo(logits);
    }

    private void CheckRoom(int stream, int tokens)
    {
        if (_lengths[stream] + tokens > ContextLength)
        {
            throw new InvalidOperationException(
                $"The stream holds {_lengths[stream]} tokens, and {tokens} more do not fit {ContextLength}.");
        }
    }
}
