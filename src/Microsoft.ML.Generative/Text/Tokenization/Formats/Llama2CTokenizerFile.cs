using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// The tokenizer of llama2.c (https://github.com/karpathy/llama2.c): the longest token's length, then score, length and bytes of
/// each token, little-endian. Ids 0 to 2 are the unknown token, the beginning and the end of a text, 3 to 258 the bytes.
/// </summary>
internal static class Llama2CTokenizerFile
{
    private const int Unknown = 0;
    private const int Begin = 1;
    private const int End = 2;
    private const int FirstByte = 3;
    private const int FirstOther = FirstByte + 256;

    /// <exception cref="InvalidDataException">The file is not valid.</exception>
    public static GenerativeTokenizer Create(string name, byte[] file)
    {
        var pieces = Read(name, file);
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < pieces.Count; id++)
        {
            if (!tokens.TryAdd(pieces[id].Token, id))
                throw new InvalidDataException($"'{name}' has the token {Quoted.Text(pieces[id].Token)} twice.");
        }

        List<TokenMerge> merges = ScoredMerges.Of(pieces.Select((piece, id) => (piece.Token, piece.Score, CanMerge: id >= FirstOther)));
        var settings = new BytePairSettings { ByteFallback = true };
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = [.. new[] { Unknown, Begin, End }.Select(id => new AddedToken(id, pieces[id].Token, IsSpecial: true))],
            Normalizer = writer =>
            {
                writer.WriteString("type", "Prepend");
                writer.WriteString("prepend", " ");
            },
            Model = writer => TokenizerJsonParts.WriteBytePairs(writer, tokens, merges, settings),
            PostProcessor = writer => TokenizerJsonParts.WriteFrame(writer, (pieces[Begin].Token, Begin), null),
            Decoder = writer => TokenizerJsonParts.WriteSentencePieceDecoder(writer, ' ', stripSpace: true),
        });
        return TokenizerFiles.Create(json, new TokenizerConfig
        {
            UnkToken = pieces[Unknown].Token,
            BosToken = pieces[Begin].Token,
            EosToken = pieces[End].Token,
        });
    }

    private static List<(string Token, float Score)> Read(string name, ReadOnlySpan<byte> file)
    {
        if (file.Length < sizeof(int) || BinaryPrimitives.ReadInt32LittleEndian(file) is <= 0 or > 1 << 16)
            throw new InvalidDataException(
                $"'{name}' is not a tokenizer of llama2.c: it does not begin with the length of its longest token.");
        int longest = BinaryPrimitives.ReadInt32LittleEndian(file);
        List<(string Token, float Score)> pieces = [];
        for (ReadOnlySpan<byte> rest = file[sizeof(int)..]; !rest.IsEmpty;)
        {
            if (rest.Length < 2 * sizeof(int))
                throw Bad(name, pieces.Count, "is cut off");
            float score = BinaryPrimitives.ReadSingleLittleEndian(rest);
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest[sizeof(int)..]);
            rest = rest[(2 * sizeof(int))..];
            if (length < 0 || length > rest.Length)
                throw Bad(name, pieces.Count, $"has {length} bytes where {rest.Length} are left");
            if (length > longest)
                throw Bad(name, pieces.Count, $"has {length} bytes where the longest has {longest}");
            if (!float.IsFinite(score) || !Utf8.IsValid(rest[..length]))
                throw Bad(name, pieces.Count, "has no finite score or no valid UTF-8");
            pieces.Add((Encoding.UTF8.GetString(rest[..length]), score));
            rest = rest[length..];
        }

        if (pieces.Count < FirstOther)
            throw new InvalidDataException($"'{name}' has {pieces.Count} tokens; expected {FirstOther} or more.");
        for (int value = 0; value < 256; value++)
        {
            if (pieces[FirstByte + value].Token != ByteTokens.TokenOf((byte)value))
                throw Bad(
                    name, FirstByte + value,
                    $"is {Quoted.Text(pieces[FirstByte + value].Token)}; expected {ByteTokens.TokenOf((byte)value)}");
        }

        return pieces;
    }

    private static InvalidDataException Bad(string name, int id, string what) => new($"Token {id} of '{name}' {what}.");
}
