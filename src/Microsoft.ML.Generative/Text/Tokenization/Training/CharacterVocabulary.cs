using System.Text;
using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Training;

/// <summary>Makes a tokenizer whose tokens are characters: the ids follow the order of their code points.</summary>
internal static class CharacterVocabulary
{
    public static GenerativeTokenizer Create(IEnumerable<string> texts, CharacterLevelOptions options)
    {
        SortedSet<Rune> characters = [];
        foreach (string text in texts)
        {
            foreach (Rune character in text.EnumerateRunes())
                characters.Add(character);
        }

        if (characters.Count == 0)
            throw new ArgumentException("The texts have no character.", nameof(texts));

        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (Rune character in characters)
            vocabulary.Add(character.ToString(), vocabulary.Count);
        List<AddedToken> added = [];
        foreach (var (name, token) in ((string, string?)[])[
            (nameof(options.UnknownToken), options.UnknownToken), (nameof(options.EndOfTextToken), options.EndOfTextToken)])
        {
            if (token is null)
                continue;
            if (token.Length == 0 || !vocabulary.TryAdd(token, vocabulary.Count))
                throw new ArgumentException(
                    $"{name} is {Quoted.Text(token)}; expected a token that is not empty, no character of the texts and no other token.");
            added.Add(new AddedToken(vocabulary[token], token, IsSpecial: true));
        }

        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = added,
            PreTokenizer = writer => TokenizerJsonParts.WriteSplit(writer, @"[\s\S]"),
            Model = writer => WriteModel(writer, vocabulary, options.UnknownToken),
            Decoder = TokenizerJsonParts.WriteFuse,
        });
        return TokenizerFiles.Create(
            json,
            new TokenizerConfig { UnkToken = options.UnknownToken, BosToken = options.EndOfTextToken, EosToken = options.EndOfTextToken });
    }

    private static void WriteModel(Utf8JsonWriter writer, Dictionary<string, int> vocabulary, string? unknownToken)
    {
        writer.WriteString("type", "WordLevel");
        TokenizerJsonParts.WriteVocabulary(writer, vocabulary);
        // Other readers need a name here even where nothing has it.
        writer.WriteString("unk_token", unknownToken ?? "<unk>");
    }
}
