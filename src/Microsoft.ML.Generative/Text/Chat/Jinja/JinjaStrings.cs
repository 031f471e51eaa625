using System.Buffers;
using System.Text;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>What Python says of characters and texts.</summary>
internal static class JinjaStrings
{
    /// <summary>What <c>str.isspace</c> holds for.</summary>
    public static SearchValues<char> Whitespace { get; } =
        SearchValues.Create([.. Enumerable.Range(0, 0x3001).Select(c => (char)c).Where(IsSpace)]);

    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    public static bool IsLineBreak(char c) =>
        c is '\n' or '\r' or '\v' or '\f' or (>= '\u001C' and <= '\u001E') or '\u0085' or '\u2028' or '\u2029';

    /// <summary>The length in characters, of which some are two UTF-16 units.</summary>
    public static int Length(string text)
    {
        int pairs = 0;
        for (int i = 0; i + 1 < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i], text[i + 1]))
                pairs++;
        }

        return text.Length - pairs;
    }

    /// <summary>The places of the characters, and behind the last.</summary>
    public static int[] Places(string text)
    {
        List<int> places = new(text.Length + 1);
        for (int i = 0; i < text.Length; i++)
        {
            places.Add(i);
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
                i++;
        }

        places.Add(text.Length);
        return [.. places];
    }

    /// <summary>The order of code points, which that of UTF-16 units is not.</summary>
    public static int Compare(string a, string b)
    {
        int shared = a.AsSpan().CommonPrefixLength(b);
        if (shared == a.Length || shared == b.Length)
            return a.Length - b.Length;
        (char x, char y) = (a[shared], b[shared]);
        if (char.IsSurrogate(x) != char.IsSurrogate(y))
            return char.IsSurrogate(x) ? 1 : -1;
        return x - y;
    }

    public static JinjaText Upper(JinjaText text) => text.Map((rune, _) => Upper(rune));

    public static JinjaText Lower(JinjaText text) => text.Map((rune, _) => Lower(rune));

    public static JinjaText Capitalize(JinjaText text) => text.Map((rune, place) => place == 0 ? Upper(rune) : Lower(rune));

    /// <summary><c>str.title</c>: a letter after what is no letter is upper case, the others lower.</summary>
    public static JinjaText Title(JinjaText text)
    {
        bool inWord = false;
        return text.Map((rune, _) =>
        {
            string result = inWord ? Lower(rune) : Upper(rune);
            inWord = Rune.IsLetter(rune);
            return result;
        });
    }

    /// <summary>Upper and lower case exchanged.</summary>
    public static JinjaText SwapCase(JinjaText text) => text.Map((rune, _) => Rune.IsUpper(rune) ? Lower(rune) : Upper(rune));

    /// <summary><c>str.splitlines</c>.</summary>
    public static List<JinjaText> Lines(JinjaText text, bool keepEnds = false)
    {
        List<JinjaText> lines = [];
        string value = text.Value;
        for (int start = 0; start < value.Length;)
        {
            int end = start;
            while (end < value.Length && !IsLineBreak(value[end]))
                end++;
            int next = end == value.Length
                ? end
                : value[end] == '\r' && end + 1 < value.Length && value[end + 1] == '\n' ? end + 2 : end + 1;
            lines.Add(text.Slice(start, (keepEnds ? next : end) - start));
            start = next;
        }

        return lines;
    }

    /// <summary><c>str.split</c>, at whitespace where there is no separator.</summary>
    /// <param name="text">The text.</param>
    /// <param name="separator">The separator, or null.</param>
    /// <param name="count">Cuts at most; negative for all.</param>
    public static List<JinjaText> Split(JinjaText text, string? separator, long count)
    {
        List<JinjaText> parts = [];
        string value = text.Value;
        if (count < 0)
            count = long.MaxValue;
        if (separator is not null)
        {
            int done = 0;
            for (int i; parts.Count < count
                && (i = value.IndexOf(separator, done, StringComparison.Ordinal)) >= 0; done = i + separator.Length)
                parts.Add(text.Slice(done, i - done));
            parts.Add(text.Slice(done, value.Length - done));
            return parts;
        }

        int place = Skip(0);
        while (place < value.Length)
        {
            int end = place;
            while (end < value.Length && !IsSpace(value[end]))
                end++;
            if (parts.Count == count)
            {
                parts.Add(text.Slice(place, value.Length - place));
                break;
            }

            parts.Add(text.Slice(place, end - place));
            place = Skip(end);
        }

        return parts;

        int Skip(int from)
        {
            while (from < value.Length && IsSpace(value[from]))
                from++;
            return from;
        }
    }

    /// <summary><c>str.rsplit</c>.</summary>
    public static List<JinjaText> SplitFromEnd(JinjaText text, string? separator, long count)
    {
        List<JinjaText> parts = [];
        string value = text.Value;
        int end = value.Length;
        if (count < 0)
            count = long.MaxValue;
        if (separator is not null)
        {
            for (int i; parts.Count < count && end >= separator.Length
                && (i = value.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal)) >= 0; end = i)
                parts.Add(text.Slice(i + separator.Length, end - i - separator.Length));
            parts.Add(text.Slice(0, end));
            parts.Reverse();
            return parts;
        }

        while (true)
        {
            while (end > 0 && IsSpace(value[end - 1]))
                end--;
            if (end == 0)
                break;
            int start = end;
            while (start > 0 && !IsSpace(value[start - 1]))
                start--;
            if (parts.Count == count)
            {
                parts.Add(text.Slice(0, end));
                break;
            }

            parts.Add(text.Slice(start, end - start));
            end = start;
        }

        parts.Reverse();
        return parts;
    }

    /// <summary><c>str.replace</c>.</summary>
    public static JinjaText Replace(JinjaBudget budget, JinjaText text, string old, JinjaText replacement, long count)
    {
        if (count < 0)
            count = long.MaxValue;
        var result = new JinjaText.Builder();
        string value = text.Value;
        int done = 0;
        if (old.Length == 0)
        {
            // Between all characters, and at both ends.
            int[] places = Places(value);
            for (int i = 0; i < places.Length && i < count; i++)
            {
                budget.Spend(replacement.Length + 1);
                result.Append(text, done, places[i] - done).Append(replacement);
                done = places[i];
            }
        }
        else
        {
            for (int i; count-- > 0 && (i = value.IndexOf(old, done, StringComparison.Ordinal)) >= 0; done = i + old.Length)
            {
                budget.Spend(replacement.Length + 1);
                result.Append(text, done, i - done).Append(replacement);
            }
        }

        return done == 0 && result.Length == 0 ? text : result.Append(text, done, value.Length - done).ToText();
    }

    private static string Upper(Rune rune) => rune.Value == 'ß' ? "SS" : Rune.ToUpperInvariant(rune).ToString();

    private static string Lower(Rune rune) => rune.Value == 'İ' ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString();
}
