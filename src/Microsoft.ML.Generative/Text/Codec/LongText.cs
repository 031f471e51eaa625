namespace Microsoft.ML.Generative.Text.Codec;

/// <summary>
/// Cuts long texts where no token can go over the cut, so that a text of many megabytes is encoded in parts: encoding one at once takes a
/// multiple of its memory.
/// </summary>
internal static class LongText
{
    /// <summary>Characters of a part, about.</summary>
    public const int PartLength = 1 << 16;

    // Characters before and after a cut that are looked at.
    private const int Around = 64;

    // Cuts that are tried before a part becomes longer.
    private const int MostTries = 16;

    /// <summary>The parts of a text; only their beginnings and ends depend on tokenizers.</summary>
    public static IEnumerable<string> Parts(string text)
    {
        int start = 0;
        while (start < text.Length)
        {
            int end = FindCut(text, start + PartLength, (_, _, _) => true) ?? text.Length;
            yield return start == 0 && end == text.Length ? text : text[start..end];
            start = end;
        }
    }

    /// <summary>The tokens of a text, part by part; together they are those of the whole text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="encode">Encodes a text by itself.</param>
    public static IEnumerable<IReadOnlyList<int>> Encode(string text, Func<string, IReadOnlyList<int>> encode)
    {
        int start = 0;
        do
        {
            int end = FindCut(text, start + PartLength, IsBetweenTokens) ?? text.Length;
            yield return start == 0 ? encode(end == text.Length ? text : text[..end]) : After(Before(text, start)!, text[start..end]);
            start = end;
        }
        while (start < text.Length);

        // Some tokenizers put a space before whatever they encode: a part is encoded behind the words before it.
        IReadOnlyList<int> After(string before, string part)
        {
            int known = encode(before).Count;
            return [.. encode(before + part).Skip(known)];
        }

        bool IsBetweenTokens(string before, string after, int place)
        {
            IReadOnlyList<int> left = encode(before), both = encode(before + after);
            return both.Take(left.Count).SequenceEqual(left);
        }
    }

    // Before a single space between two letters, from a place on.
    private static int? FindCut(string text, int from, Func<string, string, int, bool> isRight)
    {
        int tries = 0;
        for (int place = from; place < text.Length - Around && tries < MostTries; place++)
        {
            if (text[place] != ' ' || !char.IsLetter(text[place - 1]) || !char.IsLetter(text[place + 1])
                || Before(text, place) is not { } before || text.LastIndexOf(' ', place + Around, Around) is not (> 0 and var end))
                continue;
            tries++;
            if (end > place && isRight(before, text[place..end], place))
                return place;
        }

        return null;
    }

    // Some words before a place, from a space on.
    private static string? Before(string text, int place)
    {
        int first = text.IndexOf(' ', place - Around, Around);
        return first < 0 ? null : text[first..place];
    }
}
