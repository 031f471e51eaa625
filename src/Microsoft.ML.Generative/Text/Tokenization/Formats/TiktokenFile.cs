using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// The files of tiktoken (https://github.com/openai/tiktoken): on each line a token's bytes in Base64, and its id, which is also
/// the rank of the merges that make it.
/// </summary>
internal static class TiktokenFile
{
    private const string EndOfText = Gpt2Files.EndOfText;

    /// <summary>
    /// The options of an encoding by its file's name, such as cl100k_base.tiktoken; null if it is not supported.
    /// </summary>
    public static TiktokenOptions? Known(string name) => Path.GetFileNameWithoutExtension(name) switch
    {
        "r50k_base" or "gpt2" => Options(KnownPatterns.Gpt2Text, (EndOfText, 50256)),
        "p50k_base" => Options(KnownPatterns.Gpt2Text, (EndOfText, 50256)),
        "p50k_edit" => Options(
            KnownPatterns.Gpt2Text, (EndOfText, 50256), ("<|fim_prefix|>", 50281), ("<|fim_middle|>", 50282), ("<|fim_suffix|>", 50283)),
        "cl100k_base" => Options(
            KnownPatterns.Cl100kText, (EndOfText, 100257), ("<|fim_prefix|>", 100258), ("<|fim_middle|>", 100259),
            ("<|fim_suffix|>", 100260),
            ("<|endofprompt|>", 100276)),
        "o200k_base" => Options(KnownPatterns.O200kText, (EndOfText, 199999), ("<|endofprompt|>", 200018)),
        _ => null,
    };

    /// <exception cref="InvalidDataException">The file is not valid.</exception>
    /// <exception cref="ArgumentException">An option contradicts another or the file.</exception>
    public static GenerativeTokenizer Create(string name, byte[] file, TiktokenOptions options)
    {
        List<(string Token, int Id)> tokens = Read(name, file);
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in tokens)
        {
            if (!vocabulary.TryAdd(token, id))
                throw new InvalidDataException($"'{name}' has the token {id} twice.");
        }

        for (int value = 0; value < 256; value++)
        {
            if (!vocabulary.ContainsKey(ByteAlphabet.TokenOf([(byte)value])))
                throw new InvalidDataException($"'{name}' has no token for the byte {value}.");
        }

        foreach (string? special in new[] { options.BeginningOfTextToken, options.EndOfTextToken })
        {
            if (special is not null && !options.SpecialTokens.ContainsKey(special))
                throw new ArgumentException(
                    $"'{special}' begins or ends a text, and is not among the {nameof(options.SpecialTokens)}.", nameof(options));
        }

        List<TokenMerge> merges = ScoredMerges.Of(tokens.Select(token => (token.Token, (float)-token.Id, CanMerge: true)));
        (string, int)? begin = options is { AddBeginningOfText: true, BeginningOfTextToken: { } first }
            ? (first, options.SpecialTokens[first])
            : null;
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = [.. options.SpecialTokens.Select(special => new AddedToken(special.Value, special.Key, IsSpecial: true))],
            PreTokenizer = writer => TokenizerJsonParts.WriteSequence(writer, "pretokenizers",
            [
                step => TokenizerJsonParts.WriteSplit(step, options.Pattern),
                step => TokenizerJsonParts.WriteByteLevel(step, addPrefixSpace: false, usePattern: false),
            ]),
            Model = writer => TokenizerJsonParts.WriteBytePairs(writer, vocabulary, merges, new BytePairSettings { IgnoreMerges = true }),
            PostProcessor = begin is null ? null : writer => TokenizerJsonParts.WriteFrame(writer, begin, null),
            Decoder = writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: true, usePattern: true),
        });
        return TokenizerFiles.Create(
            json, new TokenizerConfig { BosToken = options.BeginningOfTextToken, EosToken = options.EndOfTextToken });
    }

    private static TiktokenOptions Options(string pattern, params (string Token, int Id)[] special) => new()
    {
        Pattern = pattern,
        SpecialTokens = special.ToDictionary(token => token.Token, token => token.Id),
        BeginningOfTextToken = EndOfText,
        EndOfTextToken = EndOfText,
    };

    private static List<(string Token, int Id)> Read(string name, byte[] file)
    {
        List<(string Token, int Id)> tokens = [];
        int number = 0;
        foreach (ReadOnlySpan<char> line in Encoding.Latin1.GetString(file).AsSpan().EnumerateLines())
        {
            number++;
            if (line.IsEmpty)
                continue;
            int space = line.IndexOf(' ');
            if (space <= 0 || !int.TryParse(line[(space + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                throw Bad(name, number, "is not Base64, a space and a number");
            byte[] bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(space)];
            if (!Convert.TryFromBase64Chars(line[..space], bytes, out int count))
                throw Bad(name, number, "is not Base64, a space and a number");
            if (count == 0)
                throw Bad(name, number, "has a token without a byte");
            tokens.Add((ByteAlphabet.TokenOf(bytes.AsSpan(0, count)), id));
        }

        return tokens;
    }

    private static InvalidDataException Bad(string name, int line, string what) => new($"'{name}', line {line}, {what}.");
}
