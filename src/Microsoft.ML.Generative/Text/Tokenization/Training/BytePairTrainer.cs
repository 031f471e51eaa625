using System.Text;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Training;

/// <summary>Trains a byte-level byte pair encoding on texts (Radford et al., 2019).</summary>
internal static class BytePairTrainer
{
    /// <summary>Makes the tokenizer. The texts are read once.</summary>
    public static GenerativeTokenizer Train(IEnumerable<string> texts, BytePairEncodingOptions options)
    {
        options.Validate();
        var words = new WordCounter(options.EndOfTextToken);
        foreach (string text in texts)
            words.Add(text);
        if (words.Counts.Count == 0)
            throw new ArgumentException("The texts have no character.", nameof(texts));

        var merger = new TokenMerger(
            Enumerable.Range(0, 256).Select(value => ByteAlphabet.CharacterOf((byte)value).ToString()),
            [.. words.Counts.Select(word => (Encoding.UTF8.GetBytes(word.Key).Select(value => (int)value).ToArray(), word.Value))],
            string.Concat);
        merger.Merge(options.VocabularySize - (options.EndOfTextToken is null ? 0 : 1), options.MinimumFrequency);
        return Create(merger, options.EndOfTextToken);
    }

    private static GenerativeTokenizer Create(TokenMerger merger, string? endOfText)
    {
        var vocabulary = new Dictionary<string, int>(merger.Ids, StringComparer.Ordinal);
        List<AddedToken> added = [];
        if (endOfText is not null)
        {
            if (!vocabulary.TryAdd(endOfText, vocabulary.Count))
                throw new ArgumentException(
                    $"{nameof(BytePairEncodingOptions.EndOfTextToken)} is {Quoted.Text(endOfText)}, which the texts made a token of "
                    + "their own.");
            added.Add(new AddedToken(vocabulary[endOfText], endOfText, IsSpecial: true));
        }

        return Gpt2Files.Create(
            vocabulary, merger.Merges, new Gpt2Files.Settings(), added, new TokenizerConfig { BosToken = endOfText, EosToken = endOfText });
    }
}
