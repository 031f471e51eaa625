using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Text.Tokenization.Models;

namespace Microsoft.ML.Generative.Text.Tokenization.Training;

/// <summary>
/// Merges the tokens of words: the two neighboring tokens that are together most often become one, again and again. Among equally
/// frequent ones, those go first whose left token has the lower id, then those whose right one has. Sennrich, Haddow, Birch, 2016.
/// </summary>
/// <remarks>
/// The different words stand one after the other in one array, linked past what was merged. Counts and places of pairs are kept up
/// to date, so that a merge costs as much as the pair has places.
/// </remarks>
internal sealed class TokenMerger
{
    private const int Removed = -1;
    private const int WordEnd = -2;

    private readonly Func<string, string, string> _join;
    private readonly List<string> _tokens;
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

    /// <param name="tokens">The first tokens.</param>
    /// <param name="words">The different words as ids of these tokens, and how often each occurs.</param>
    /// <param name="join">The text of the token that two become.</param>
    /// <exception cref="ArgumentException">The words do not fit an array.</exception>
    public TokenMerger(
        IEnumerable<string> tokens, IReadOnlyCollection<(int[] Symbols, long Count)> words, Func<string, string, string> join)
    {
        (_tokens, _join) = ([.. tokens], join);
        foreach (string token in _tokens)
            _ids.Add(token, _ids.Count);
        long size = words.Sum(word => (long)word.Symbols.Length + 1);
        if (size > Array.MaxLength)
            throw new ArgumentException($"The different words of the texts have {size} symbols; at most {Array.MaxLength} can be used.");
        _symbols = new int[size];
        _next = new int[size];
        _previous = new int[size];
        _weights = new long[size];

        int place = 0;
        foreach ((int[] symbols, long count) in words)
        {
            int start = place;
            foreach (int symbol in symbols)
            {
                _symbols[place] = symbol;
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

    /// <summary>The tokens and their ids.</summary>
    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>The tokens in the order of their ids.</summary>
    public IReadOnlyList<string> Tokens => _tokens;

    /// <summary>The merges in their order.</summary>
    public IReadOnlyList<TokenMerge> Merges => _merges;

    /// <summary>Merges until the vocabulary has this size, or no pair is frequent enough.</summary>
    public void Merge(int size, int minimumFrequency)
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
        string token = _join(_tokens[left], _tokens[right]);
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

    private sealed class Pair
    {
        public long Count { get; set; }

        public List<int> Places { get; } = [];
    }
}
