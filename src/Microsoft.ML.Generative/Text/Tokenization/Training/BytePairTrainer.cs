using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Training;

/// <summary>
/// Trains a byte-level byte pair encoding on texts: the two neighboring tokens that are together most often become one, again and
/// again. Among equally frequent ones, those go first whose left token has the lower id, then those whose right one has. Sennrich,
/// Haddow, Birch, 2016; over bytes as in Radford et al., 2019.
/// </summary>
/// <remarks>
/// The different words stand one after the other in one array, linked past what was merged. Counts and places of pairs are kept up
/// to date, so that a merge costs as much as the pair has places.
/// </remarks>
internal sealed class BytePairTrainer
{
    private const int Removed = -1;
    private const int WordEnd = -2;

    private readonly List<string> _tokens = [.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.CharacterOf((byte)value).ToString())];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<TokenMerge> _merges = [];
    private readonly HashSet<(int Left, int Right)> _merged = [];

    // Each word's symbols and a mark behind it; what stands left and right of a place.
    private readonly int[] _symbols;
    private readonly int[] _next;
    private readonly int[] _previous;
    private readonly long[] _weights;

    private readonly Dictionary<(int Left, int Right), Pair> _pairs = [];
    private readonly PriorityQueue<(int Left, int Right), (long Count, int Left, int Right)> _queue = new();
    private readonly HashSet<(int Left, int Right)> _grown = [];

    private BytePairTrainer(IReadOnlyDictionary<string, long> words)
    {
        foreach (string token in _tokens)
            _ids.Add(token, _ids.Count);
        long size = words.Sum(word => (long)Encoding.UTF8.GetByteCount(word.Key) + 1);
        if (size > Array.MaxLength)
            throw new ArgumentException($"The different words of the texts have {size} bytes; at most {Array.MaxLength} can be used.");
        _symbols = new int[size];
        _next = new int[size];
        _previous = new int[size];
        _weights = new long[size];

        int place = 0;
        foreach (var (word, count) in words)
        {
            int start = place;
            foreach (byte value in Encoding.UTF8.GetBytes(word))
            {
                _symbols[place] = value;
                _next[place] = place + 1;
                _previous[place] = place > start ? place - 1 : Removed;
                _weights[place] = count;
                place++;
            }

            _symbols[place++] = WordEnd;
        }

        for (int i = 0; i + 1 < _symbols.Length; i++)
        {
            if (_symbols[i] >= 0 && _symbols[i + 1] >= 0)
                Grow(_symbols[i], _symbols[i + 1], i, _weights[i]);
        }

        QueueGrown();
    }

    /// <summary>Makes the tokenizer. The texts are read once.</summary>
    public static GenerativeTokenizer Train(IEnumerable<string> texts, BytePairEncodingOptions options)
    {
        options.Validate();
        var words = new WordCounter(options.EndOfTextToken);
        foreach (string text in texts)
            words.Add(text);
        if (words.Counts.Count == 0)
            throw new ArgumentException("The texts have no character.", nameof(texts));

        var trainer = new BytePairTrainer(words.Counts);
        trainer.Merge(options.VocabularySize - (options.EndOfTextToken is null ? 0 : 1), options.MinimumFrequency);
        return trainer.Create(options.EndOfTextToken);
    }

    private void Merge(int size, int minimumFrequency)
    {
        while (_tokens.Count < size && _queue.TryDequeue(out var pair, out var priority))
        {
            if (!_pairs.TryGetValue(pair, out Pair? found))
                continue;
            if (found.Count != -priority.Count)
            {
                // Out of date: others have taken some of its places.
                if (found.Count > 0)
                    _queue.Enqueue(pair, (-found.Count, pair.Left, pair.Right));
                continue;
            }

            if (found.Count < minimumFrequency)
                return;
            _pairs.Remove(pair);
            Merge(pair.Left, pair.Right, found.Places);
        }
    }

    private void Merge(int left, int right, List<int> places)
    {
        string token = _tokens[left] + _tokens[right];
        // Two pairs may make the same token, and then one of its pairs may come again.
        if (_merged.Add((left, right)))
            _merges.Add(new TokenMerge(_tokens[left], _tokens[right], _merges.Count));
        if (!_ids.TryGetValue(token, out int merged))
        {
            merged = _tokens.Count;
            _tokens.Add(token);
            _ids.Add(token, merged);
        }

        places.Sort();
        foreach (int place in places)
        {
            int second = _symbols[place] == left ? _next[place] : Removed;
            if (second < 0 || _symbols[second] != right)
                continue;

            long weight = _weights[place];
            int before = _previous[place];
            int after = _next[second];
            if (before >= 0)
                Shrink(_symbols[before], left, weight);
            if (_symbols[after] >= 0)
                Shrink(right, _symbols[after], weight);

            _symbols[place] = merged;
            _symbols[second] = Removed;
            _next[place] = after;
            if (_symbols[after] >= 0)
            {
                _previous[after] = place;
                Grow(merged, _symbols[after], place, weight);
            }

            if (before >= 0)
                Grow(_symbols[before], merged, before, weight);
        }

        QueueGrown();
    }

    private void Grow(int left, int right, int place, long weight)
    {
        ref Pair? pair = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, (left, right), out _);
        pair ??= new Pair();
        pair.Count += weight;
        pair.Places.Add(place);
        _grown.Add((left, right));
    }

    private void Shrink(int left, int right, long weight)
    {
        // There is none if it is the one that is being merged.
        if (_pairs.TryGetValue((left, right), out Pair? pair))
            pair.Count -= weight;
    }

    private void QueueGrown()
    {
        foreach (var pair in _grown)
            _queue.Enqueue(pair, (-_pairs[pair].Count, pair.Left, pair.Right));
        _grown.Clear();
    }

    private GenerativeTokenizer Create(string? endOfText)
    {
        var vocabulary = new Dictionary<string, int>(_ids, StringComparer.Ordinal);
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
            vocabulary, _merges, new Gpt2Files.Settings(), added, new TokenizerConfig { BosToken = endOfText, EosToken = endOfText });
    }

    private sealed class Pair
    {
        public long Count { get; set; }

        public List<int> Places { get; } = [];
    }
}
