using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// GPT-2's two files: a vocabulary as a JSON object (vocab.json, once encoder.json) and merges, one a line (merges.txt, once
/// vocab.bpe), of a byte-level byte pair encoding.
/// </summary>
internal static class Gpt2Files
{
    public const string EndOfText = "<|endoftext|>";

    /// <summary>The differences of later models with files of GPT-2's form.</summary>
    public sealed record Settings
    {
        public bool AddPrefixSpace { get; init; }

        /// <summary>The pattern that splits words, or null for GPT-2's.</summary>
        public string? Pattern { get; init; }

        /// <summary>Texts are brought into Unicode's normal form C.</summary>
        public bool Compose { get; init; }
    }

    /// <exception cref="InvalidDataException">A file is not valid; the message names it.</exception>
    public static GenerativeTokenizer Create(
        (string Name, byte[] Bytes) vocabulary, (string Name, byte[] Bytes) merges, Settings settings, IReadOnlyList<AddedToken> added,
        TokenizerConfig config)
    {
        Dictionary<string, int> tokens = ReadVocabulary(vocabulary);
        if (added.Count == 0 && tokens.TryGetValue(EndOfText, out int end))
        {
            added = [new AddedToken(end, EndOfText, IsSpecial: true)];
            if (config == TokenizerConfig.Empty)
                config = new TokenizerConfig { BosToken = EndOfText, EosToken = EndOfText };
        }

        return Create(tokens, ReadMerges(merges), settings, added, config);
    }

    public static GenerativeTokenizer Create(
        IReadOnlyDictionary<string, int> tokens, IReadOnlyCollection<TokenMerge> merges, Settings settings, IReadOnlyList<AddedToken> added,
        TokenizerConfig config)
    {
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = added,
            Normalizer = settings.Compose ? writer => writer.WriteString("type", "NFC") : null,
            PreTokenizer = writer => WritePreTokenizer(writer, settings),
            Model = writer => TokenizerJsonParts.WriteBytePairs(writer, tokens, merges, new BytePairSettings()),
            PostProcessor = writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: true, usePattern: true),
            Decoder = writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: true, usePattern: true),
        });
        return TokenizerFiles.Create(json, config);
    }

    private static void WritePreTokenizer(Utf8JsonWriter writer, Settings settings)
    {
        if (settings.Pattern is not { } pattern)
        {
            TokenizerJsonParts.WriteByteLevel(writer, settings.AddPrefixSpace, usePattern: true);
            return;
        }

        TokenizerJsonParts.WriteSequence(writer, "pretokenizers",
        [
            step => TokenizerJsonParts.WriteSplit(step, pattern),
            step => TokenizerJsonParts.WriteByteLevel(step, settings.AddPrefixSpace, usePattern: false),
        ]);
    }

    private static Dictionary<string, int> ReadVocabulary((string Name, byte[] Bytes) file)
    {
        using JsonDocument document = TokenizerFiles.Parse(file.Bytes, file.Name, TokenizerFiles.MaxTokenizerBytes);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"'{file.Name}' holds {document.RootElement.ValueKind}; expected an object of tokens and ids.");
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (JsonProperty token in document.RootElement.EnumerateObject())
        {
            string text = JsonMembers.NameOf(token);
            if (!tokens.TryAdd(text, JsonMembers.IntOf(token.Value, $"The id of {Quoted.Text(text)} in '{file.Name}'")))
                throw new InvalidDataException($"'{file.Name}' has the token {Quoted.Text(text)} twice.");
        }

        return tokens;
    }

    private static List<TokenMerge> ReadMerges((string Name, byte[] Bytes) file)
    {
        if (!Utf8.IsValid(file.Bytes))
            throw new InvalidDataException($"'{file.Name}' is not UTF-8.");
        List<TokenMerge> merges = [];
        int line = 0;
        foreach (ReadOnlySpan<char> text in Encoding.UTF8.GetString(file.Bytes).AsSpan().TrimStart('\uFEFF').EnumerateLines())
        {
            line++;
            if (text.IsEmpty || (line == 1 && text.StartsWith("#version")))
                continue;
            int space = text.IndexOf(' ');
            if (space <= 0 || space == text.Length - 1 || text[(space + 1)..].Contains(' '))
                throw new InvalidDataException(
                    $"'{file.Name}', line {line}, is {Quoted.Text(text)}; expected two tokens with a space between.");
            merges.Add(new TokenMerge(text[..space].ToString(), text[(space + 1)..].ToString(), merges.Count));
        }

        return merges;
    }
}
