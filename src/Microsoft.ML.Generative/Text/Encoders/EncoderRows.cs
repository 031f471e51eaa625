using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Makes tensors of encoded texts.</summary>
internal static class EncoderRows
{
    // Tokens of a group of texts, padding included: enough for matmuls to be fast, few enough for what they return to stay in caches.
    private const int TokensAtOnce = 1024;

    // Without padding, more texts together cost nothing, and what a layer prepares of its weights serves more of them.
    private const int PackedTokensAtOnce = 2 * TokensAtOnce;

    // From so many on, a group is large enough to end where texts are a tenth shorter than its longest.
    private const int FewestTokensAtOnce = 384;

    /// <summary>Texts, filled up behind their last tokens.</summary>
    /// <param name="texts">The texts, each of at least one token.</param>
    /// <param name="device">Where the tensors go.</param>
    public static EncoderInput Pad(IReadOnlyList<EncodedText> texts, torch.Device device)
    {
        int time = texts.Max(text => text.Ids.Length);
        bool isPadded = texts.Any(text => text.Ids.Length < time), hasSegments = texts.Any(text => text.First < text.Ids.Length);
        torch.Tensor tokens = torch.zeros([texts.Count, time], dtype: torch.int64);
        torch.Tensor? segments = hasSegments ? torch.zeros([texts.Count, time], dtype: torch.int64) : null;
        torch.Tensor? isToken = isPadded ? torch.zeros([texts.Count, time], dtype: torch.@bool) : null;
        Span<long> ids = MemoryMarshal.Cast<byte, long>(tokens.bytes);
        Span<long> kinds = segments is null ? [] : MemoryMarshal.Cast<byte, long>(segments.bytes);
        Span<byte> marks = isToken is null ? [] : isToken.bytes;
        for (int row = 0; row < texts.Count; row++)
        {
            (int[] text, int first) = texts[row];
            for (int i = 0; i < text.Length; i++)
                ids[row * time + i] = text[i];
            if (segments is not null)
                kinds[(row * time + first)..(row * time + text.Length)].Fill(1);
            if (isToken is not null)
                marks[(row * time)..(row * time + text.Length)].Fill(1);
        }

        return new EncoderInput(tokens.to(device), isToken?.to(device), segments?.to(device));
    }

    /// <summary>Texts, filled up behind their last tokens, and where they are, [texts, time] each.</summary>
    /// <inheritdoc cref="Pad" path="/param"/>
    public static (torch.Tensor Tokens, torch.Tensor IsToken) PadWithMask(IReadOnlyList<EncodedText> texts, torch.Device device)
    {
        EncoderInput input = Pad(texts, device);
        return (input.Tokens, input.IsToken ?? torch.ones_like(input.Tokens, torch.@bool));
    }

    /// <summary>Texts one behind another, without padding.</summary>
    /// <inheritdoc cref="Pad" path="/param"/>
    public static EncoderInput Pack(IReadOnlyList<EncodedText> texts, torch.Device device)
    {
        int[] lengths = [.. texts.Select(text => text.Ids.Length)];
        long[] ids = [.. texts.SelectMany(text => text.Ids.Select(id => (long)id))];
        long[] places = [.. lengths.SelectMany(length => Enumerable.Range(0, length).Select(place => (long)place))];
        torch.Tensor? segments = null;
        if (texts.Any(text => text.First < text.Ids.Length))
        {
            long[] kinds = [.. texts.SelectMany(text => Enumerable.Range(0, text.Ids.Length).Select(i => i < text.First ? 0L : 1))];
            segments = torch.tensor(kinds, [1, kinds.Length], device: device);
        }

        return new EncoderInput(torch.tensor(ids, [1, ids.Length], device: device), Segments: segments)
        {
            Packed = new PackedTexts(lengths, torch.tensor(places, device: device)),
        };
    }

    /// <summary>
    /// Computes something of texts, [texts, values]: those of similar lengths together, so that little is computed for padding.
    /// </summary>
    /// <param name="texts">The texts.</param>
    /// <param name="device">Where they are computed.</param>
    /// <param name="compute">Computes [texts, values] of some texts.</param>
    /// <param name="check">Called before each computation; may throw.</param>
    /// <param name="longestPacked">The longest texts that come without padding.</param>
    public static torch.Tensor Compute(
        IReadOnlyList<EncodedText> texts, torch.Device device, Func<EncoderInput, torch.Tensor> compute, Action? check = null,
        int longestPacked = 0)
    {
        int[] order = [.. Enumerable.Range(0, texts.Count).OrderByDescending(i => texts[i].Ids.Length)];
        List<torch.Tensor> results = [];
        for (int start = 0; start < order.Length;)
        {
            check?.Invoke();
            bool isPacked = texts[order[start]].Ids.Length <= longestPacked;
            int count = isPacked ? CountPacked(texts, order.AsSpan(start)) : CountGroup(texts, order.AsSpan(start));
            EncodedText[] group = [.. order.AsSpan(start, count).ToArray().Select(i => texts[i])];
            using (DisposeScope scope = torch.NewDisposeScope())
                results.Add(compute(isPacked ? Pack(group, device) : Pad(group, device)).MoveToOuterDisposeScope());
            start += count;
        }

        // The n-th result is that of the text order[n].
        long[] places = new long[order.Length];
        for (int i = 0; i < order.Length; i++)
            places[order[i]] = i;
        torch.Tensor sorted = results.Count == 1 ? results[0] : torch.cat(results, 0);
        return sorted.index_select(0, torch.tensor(places, device: device));
    }

    // How many of the longest texts are computed together.
    private static int CountGroup(IReadOnlyList<EncodedText> texts, ReadOnlySpan<int> order)
    {
        int longest = texts[order[0]].Ids.Length, most = Math.Clamp(TokensAtOnce / longest, 1, order.Length), count = 1;
        while (count < most && (count * longest < FewestTokensAtOnce || texts[order[count]].Ids.Length >= 0.9 * longest))
            count++;
        return count;
    }

    // The same without padding.
    private static int CountPacked(IReadOnlyList<EncodedText> texts, ReadOnlySpan<int> order)
    {
        int tokens = texts[order[0]].Ids.Length, count = 1;
        for (; count < order.Length && tokens + texts[order[count]].Ids.Length <= PackedTokensAtOnce; count++)
            tokens += texts[order[count]].Ids.Length;
        return count;
    }
}
