using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Keys and values of the sources of streams as tensors, computed once for each source.</summary>
internal sealed class TorchSources(DecoderStack network, int streams, torch.Device device) : IDisposable
{
    private readonly SourceSlots _slots = new(streams);

    // [1, key heads, length, headSize] of each block.
    private readonly AttentionCache[]?[] _sources = new AttentionCache[]?[streams];

    // Those of the last step, which mostly are those of the next.
    private int[] _together = [];
    private CrossSource[] _joined = [];

    public void Set(int stream, SourceStates source)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        int slot = _slots.Take(stream);
        Release(_sources[slot]);
        Forget();
        torch.Tensor states = torch.tensor(source.Values, [1, source.Length, network.Shape.Block.EmbeddingSize], device: device);
        _sources[slot] = [.. network.Blocks.Select(block => Keep(block.Cross!.KeysAndValues(states)))];
    }

    public void Copy(int from, int to) => _slots.Copy(from, to);

    /// <summary>What each block attends to, for rows that are these streams.</summary>
    public CrossSource[] Of(ReadOnlySpan<int> rows)
    {
        int[] slots = new int[rows.Length];
        for (int row = 0; row < slots.Length; row++)
            slots[row] = _slots[rows[row]];
        if (_joined.Length > 0 && slots.AsSpan().SequenceEqual(_together))
            return _joined;
        using DisposeScope scope = torch.NewDisposeScope();
        Forget();
        long[] lengths = [.. slots.Select(slot => _sources[slot]![0].Keys.size(2))];
        long longest = lengths.Max();
        torch.Tensor positions = TensorFactory.Range(longest, device: device).unsqueeze(0); // [1, length]
        torch.Tensor mask = DotProductAttention.PaddingMask(positions < torch.tensor(lengths, [lengths.Length, 1], device: device));
        mask = mask.DetachFromDisposeScope(); // [rows, 1, 1, length]
        _joined =
        [
            .. Enumerable.Range(0, network.Blocks.Count).Select(block => new CrossSource(
                Keep(new AttentionCache(
                    torch.cat([.. slots.Select(slot => Pad(_sources[slot]![block].Keys))]),
                    torch.cat([.. slots.Select(slot => Pad(_sources[slot]![block].Values))]))),
                mask)),
        ];
        _together = slots;
        return _joined;

        torch.Tensor Pad(torch.Tensor values) => torch.nn.functional.pad(values, [0, 0, 0, longest - values.size(2)]);
    }

    public void Dispose()
    {
        foreach (AttentionCache[]? source in _sources)
            Release(source);
        Forget();
    }

    private void Forget()
    {
        Release([.. _joined.Select(source => source.Cache)]);
        if (_joined.Length > 0)
            _joined[0].Mask?.Dispose();
        (_together, _joined) = ([], []);
    }

    private static AttentionCache Keep(AttentionCache cache) =>
        new(cache.Keys.DetachFromDisposeScope(), cache.Values.DetachFromDisposeScope());

    private static void Release(AttentionCache[]? caches)
    {
        foreach (AttentionCache cache in caches ?? [])
        {
            cache.Keys.Dispose();
            cache.Values.Dispose();
        }
    }
}
