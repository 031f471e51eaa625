namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>
/// The tokens that add something to a text, sorted by the bytes that they add, so that what is known of one token's beginning is known of
/// the next one's too.
/// </summary>
internal sealed class TokenTable
{
    // The longest in use have under 300.
    private const int LongestToken = 1024;

    private readonly byte[][] _bytesOf;

    /// <param name="bytesOf">For each id the bytes that it adds, or none.</param>
    public TokenTable(byte[][] bytesOf)
        : this(bytesOf, Sort(bytesOf))
    {
    }

    private TokenTable(byte[][] bytesOf, int[] sorted)
    {
        (_bytesOf, Ids, Shared) = (bytesOf, sorted, new int[sorted.Length]);
        for (int i = 0; i < sorted.Length; i++)
        {
            byte[] bytes = bytesOf[sorted[i]];
            Shared[i] = i == 0 ? 0 : bytes.AsSpan().CommonPrefixLength(bytesOf[sorted[i - 1]]);
            Longest = Math.Max(Longest, bytes.Length);
            if (bytes.Length == 1)
                HasByte[bytes[0]] = true;
        }
    }

    /// <summary>The tokens in the order of their bytes.</summary>
    public int[] Ids { get; }

    /// <summary>For each of <see cref="Ids"/>, how many bytes it begins with as the one before it.</summary>
    public int[] Shared { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int Longest { get; }

    /// <summary>For each byte, whether it is a token.</summary>
    public bool[] HasByte { get; } = new bool[256];

    public ReadOnlySpan<byte> BytesOf(int id) => _bytesOf[id];

    /// <summary>A table of some of the tokens.</summary>
    public TokenTable Where(Func<byte[], bool> isWanted) => new(_bytesOf, [.. Ids.Where(id => isWanted(_bytesOf[id]))]);

    /// <summary>Whether some bytes are one token.</summary>
    public bool Has(ReadOnlySpan<byte> bytes)
    {
        int low = 0, high = Ids.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2, order = BytesOf(Ids[middle]).SequenceCompareTo(bytes);
            if (order == 0)
                return true;
            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return false;
    }

    private static int[] Sort(byte[][] bytesOf)
    {
        int[] ids = [.. Enumerable.Range(0, bytesOf.Length).Where(id => bytesOf[id].Length is > 0 and <= LongestToken)];
        Array.Sort(ids, (a, b) => bytesOf[a].AsSpan().SequenceCompareTo(bytesOf[b]) is not 0 and var order ? order : a - b);
        return ids;
    }
}
