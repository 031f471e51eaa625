namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>
/// Passes a text on piece by piece until one of some strings is complete, and never any part of that string. Of strings that are complete
/// at the same character, the longest counts.
/// </summary>
internal sealed class StopScanner(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Whether a string has appeared.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>What of the text is certain to come before any of the strings.</summary>
    public string Append(string piece)
    {
        if (HasStopped)
            return "";
        string text = _held + piece;
        (int end, int start) = stops.Select(stop => (Stop: stop, Start: text.IndexOf(stop, StringComparison.Ordinal)))
            .Where(s => s.Start >= 0).Select(s => (s.Start + s.Stop.Length, s.Start)).DefaultIfEmpty((-1, -1)).Min();
        if (end >= 0)
        {
            HasStopped = true;
            _held = "";
            return text[..start];
        }

        int held = stops.Count == 0 ? 0 : stops.Max(stop => LongestBeginning(text, stop));
        _held = text[^held..];
        return text[..^held];
    }

    /// <summary>What was held back, when no more text comes.</summary>
    public string Flush()
    {
        string held = _held;
        _held = "";
        return held;
    }

    // How much of the text's end could be the beginning of the string.
    private static int LongestBeginning(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                return length;
        }

        return 0;
    }
}
