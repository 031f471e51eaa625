using System.Text;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>Where a text stands in what is encoded.</summary>
internal enum TextPlace
{
    /// <summary>At the beginning.</summary>
    Beginning,

    /// <summary>Behind an added token or another piece.</summary>
    AfterToken,

    /// <summary>Where a text before it went on.</summary>
    Continuation,
}

/// <summary>A text cut into ranges, while pre-tokenizers cut it further. Some of them change the text, too.</summary>
internal sealed class TextPieces
{
    private List<(int Start, int Length)> _ranges;

    /// <param name="text">The text, normalized.</param>
    /// <param name="place">Where it stands.</param>
    /// <param name="clock">The time for patterns.</param>
    public TextPieces(string text, TextPlace place, PatternClock clock)
    {
        Clock = clock;
        Text = text;
        Place = place;
        _ranges = text.Length > 0 ? [(0, text.Length)] : [];
    }

    public string Text { get; private set; }

    public TextPlace Place { get; }

    public PatternClock Clock { get; }

    public IReadOnlyList<(int Start, int Length)> Ranges => _ranges;

    /// <summary>Finds the matches in a range, in order and apart; the places are in the whole text.</summary>
    public delegate void FindMatches(string text, int start, int length, List<(int Start, int Length)> matches);

    /// <summary>Cuts each range where it matches.</summary>
    public void Split(FindMatches find, SplitBehavior behavior, bool invert = false)
    {
        var cut = new List<(int Start, int Length)>(_ranges.Count);
        List<(int Start, int Length)> matches = [];
        List<(int Start, int Length, bool Match)> parts = [];
        foreach (var (start, length) in _ranges)
        {
            matches.Clear();
            find(Text, start, length, matches);
            parts.Clear();
            int position = start;
            foreach (var match in matches)
            {
                // An empty match cuts, too, but not where one has just ended.
                if (match.Length == 0 && match.Start == position && parts.Count > 0)
                    continue;
                if (match.Start > position)
                    parts.Add((position, match.Start - position, invert));
                parts.Add((match.Start, match.Length, !invert));
                position = match.Start + match.Length;
            }

            if (position < start + length)
                parts.Add((position, start + length - position, invert));
            behavior.Apply(parts, cut);
        }

        cut.RemoveAll(range => range.Length == 0);
        _ranges = cut;
    }

    /// <summary>Rewrites each range, which stands at a place; the ranges keep their number.</summary>
    public void Rewrite(Func<string, TextPlace, string> rewrite)
    {
        var text = new StringBuilder(Text.Length + _ranges.Count);
        for (int i = 0; i < _ranges.Count; i++)
        {
            var (start, length) = _ranges[i];
            string changed = rewrite(Text.Substring(start, length), start == 0 ? Place : TextPlace.AfterToken);
            _ranges[i] = (text.Length, changed.Length);
            text.Append(changed);
        }

        Text = text.ToString();
    }
}
