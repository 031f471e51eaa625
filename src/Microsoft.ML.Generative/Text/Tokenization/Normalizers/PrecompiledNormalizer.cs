using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.Generative.Text.Tokenization.Normalizers;

/// <summary>
/// SentencePiece's table of replacements: a trie in a double array (Darts-clone) of byte sequences, and the texts that replace them.
/// At each place the longest sequence counts.
/// </summary>
internal sealed class PrecompiledNormalizer : TextNormalizer
{
    private readonly uint[] _trie;
    private readonly byte[] _replacements;

    /// <exception cref="InvalidDataException">The table is not valid.</exception>
    public PrecompiledNormalizer(ReadOnlySpan<byte> table)
    {
        int trieBytes = table.Length < sizeof(int) ? -1 : BinaryPrimitives.ReadInt32LittleEndian(table);
        if (trieBytes <= 0 || trieBytes % sizeof(uint) != 0 || trieBytes > table.Length - sizeof(int))
            throw new InvalidDataException($"The table of replacements has {table.Length} bytes; its trie alone would have {trieBytes}.");
        _trie = new uint[trieBytes / sizeof(uint)];
        for (int i = 0; i < _trie.Length; i++)
            _trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[(sizeof(int) + i * sizeof(uint))..]);
        _replacements = table[(sizeof(int) + trieBytes)..].ToArray();
        if (_replacements.Length == 0 || _replacements[^1] != 0)
            throw new InvalidDataException("The table's replacements do not end with a 0.");
        for (int start = 0; start < _replacements.Length;)
        {
            int length = _replacements.AsSpan(start).IndexOf((byte)0);
            if (length > TextGrowth.MaxContent)
                throw new InvalidDataException(
                    $"The table has a replacement of {length} bytes; at most {TextGrowth.MaxContent} are allowed.");
            start += length + 1;
        }
    }

    public override string Normalize(string text, NormalizerContext context)
    {
        byte[] source = Encoding.UTF8.GetBytes(text);
        var result = new ArrayBufferWriter<byte>(source.Length + 16);
        for (int place = 0; place < source.Length;)
        {
            if (TryMatch(source.AsSpan(place), out int length, out ReadOnlySpan<byte> replacement))
            {
                result.Write(replacement);
                place += length;
                continue;
            }

            Rune.DecodeFromUtf8(source.AsSpan(place), out _, out int character);
            result.Write(source.AsSpan(place, character));
            place += character;
        }

        return Encoding.UTF8.GetString(result.WrittenSpan);
    }

    private bool TryMatch(ReadOnlySpan<byte> text, out int length, out ReadOnlySpan<byte> replacement)
    {
        length = 0;
        replacement = default;
        uint node = Offset(_trie[0]);
        for (int i = 0; i < text.Length; i++)
        {
            node ^= text[i];
            if (node >= _trie.Length || Label(_trie[node]) != text[i])
                break;
            uint unit = _trie[node];
            node ^= Offset(unit);
            if (!HasLeaf(unit) || node >= _trie.Length || (_trie[node] & int.MaxValue) is var start && start >= _replacements.Length)
                continue;
            length = i + 1;
            ReadOnlySpan<byte> rest = _replacements.AsSpan((int)start);
            replacement = rest[..rest.IndexOf((byte)0)];
        }

        return length > 0;
    }

    private static bool HasLeaf(uint unit) => ((unit >> 8) & 1) == 1;

    private static uint Label(uint unit) => unit & ((1u << 31) | 0xFF);

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1u << 9)) >> 6);
}
