using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Text.Tokenization.Normalizers;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Training;

/// <summary>
/// Trains the vocabulary of BERT's WordPiece on texts. Words begin as characters, of which all but the first of a word are continuations;
/// then the most frequent neighbors are merged, as the trainer of Hugging Face's tokenizers does it.
/// </summary>
internal static class WordPieceTrainer
{
    /// <summary>Makes the tokenizer. The texts are read once.</summary>
    public static GenerativeTokenizer Train(IEnumerable<string> texts, WordPieceOptions options)
    {
        options.Validate();
        Dictionary<string, long> words = Count(texts, options.Lowercase);
        if (words.Count == 0)
            throw new ArgumentException("The texts have no word.", nameof(texts));

        string[] special = [.. WordPieceFile.SpecialTokens];
        string[] alphabet = Alphabet(words, options.VocabularySize - special.Length);
        Dictionary<string, int> ids = special.Concat(alphabet).Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id);
        List<(int[] Symbols, long Count)> known = [];
        foreach ((string word, long count) in words)
        {
            int[] symbols = [.. Characters(word).Select(token => ids.GetValueOrDefault(token, -1))];
            if (!symbols.Contains(-1))
                known.Add((symbols, count));
        }

        var merger = new TokenMerger(
            special.Concat(alphabet), known, (left, right) => left + right[WordPieceFile.Continuation.Length..]);
        merger.Merge(options.VocabularySize, options.MinimumFrequency);
        return WordPieceFile.Create(
            nameof(WordPieceTrainer), Encoding.UTF8.GetBytes(string.Join('\n', merger.Tokens) + "\n"),
            new WordPieceFile.Settings { Lowercase = options.Lowercase }, TokenizerConfig.Empty);
    }

    private static Dictionary<string, long> Count(IEnumerable<string> texts, bool lowercase)
    {
        var normalizer = new BertNormalizer(cleanText: true, separateIdeographs: true, stripAccents: lowercase, lowercase);
        TextPreTokenizer[] cuts = PreTokenizerJson.Bert();
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var bySpan = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string part in texts.SelectMany(text => Marked(text)))
        {
            var clock = new PatternClock(part.Length);
            var pieces = new TextPieces(normalizer.Normalize(part, new NormalizerContext(false, clock)), TextPlace.Beginning, clock);
            foreach (TextPreTokenizer cut in cuts)
                cut.Apply(pieces);
            foreach ((int start, int length) in pieces.Ranges)
            {
                if (length > 0)
                    CollectionsMarshal.GetValueRefOrAddDefault(bySpan, pieces.Text.AsSpan(start, length), out _)++;
            }
        }

        return counts;
    }

    // What reads like a special token is no word.
    private static string[] Marked(string text) => text.Split([.. WordPieceFile.SpecialTokens], StringSplitOptions.RemoveEmptyEntries);

    // The most frequent characters where there are more than fit; in the order of their code points, which no frequency changes.
    private static string[] Alphabet(Dictionary<string, long> words, int most)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach ((string word, long count) in words)
        {
            foreach (string token in Characters(word))
                CollectionsMarshal.GetValueRefOrAddDefault(counts, token, out _) += count;
        }

        return [.. counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Take(most).Select(c => c.Key)
            .OrderBy(token => token.StartsWith(WordPieceFile.Continuation, StringComparison.Ordinal) && token.Length > 2)
            .ThenBy(token => token, StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Characters(string word)
    {
        bool isFirst = true;
        foreach (Rune rune in word.EnumerateRunes())
        {
            yield return isFirst ? rune.ToString() : WordPieceFile.Continuation + rune;
            isFirst = false;
        }
    }
}
