using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Training;

/// <summary>Counts the words of texts, cut as GPT-2 cuts them. Memory grows with the number of different words.</summary>
internal sealed class WordCounter(string? separator)
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly List<(int Start, int Length)> _matches = [];

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public void Add(string text)
    {
        // What ends a text is no word of it.
        foreach (string part in separator is null ? [text] : text.Split(separator))
        {
            _matches.Clear();
            KnownPatterns.Gpt2.Find(part, 0, part.Length, _matches, new PatternClock(part.Length));
            var counts = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (var (start, length) in _matches)
                CollectionsMarshal.GetValueRefOrAddDefault(counts, part.AsSpan(start, length), out _)++;
        }
    }
}
