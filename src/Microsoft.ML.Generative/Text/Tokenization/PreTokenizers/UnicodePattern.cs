using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>
/// A regular expression over Unicode characters. .NET's regular expressions are over UTF-16 units, in which 𝐀 is not a letter.
/// Therefore, characters outside the Basic Multilingual Plane are replaced by characters of the same category inside of it before a
/// text is matched.
/// </summary>
internal sealed class UnicodePattern
{
    private readonly string _pattern;
    private readonly Regex _regex;

    /// <param name="pattern">In .NET's syntax.</param>
    /// <exception cref="InvalidDataException">It is no pattern.</exception>
    public UnicodePattern(string pattern)
    {
        _pattern = pattern;
        try
        {
            _regex = Create(pattern);
        }
        catch (RegexParseException e)
        {
            throw new InvalidDataException($"The pattern {Quoted.Text(pattern)} is not usable: {e.Error} at character {e.Offset}.", e);
        }
    }

    /// <summary>Whether matching takes no more than time that grows with the text's length.</summary>
    public bool IsLinear => _regex.Options.HasFlag(RegexOptions.NonBacktracking);

    /// <summary>Adds the matches in a range of a text, seen as if nothing were around it.</summary>
    /// <exception cref="InvalidOperationException">It takes too long.</exception>
    public void Find(string text, int start, int length, List<(int Start, int Length)> matches, PatternClock clock)
    {
        ReadOnlySpan<char> range = text.AsSpan(start, length);
        string? shadow = null;
        int[]? places = null;
        if (range.IndexOfAnyInRange('\uD800', '\uDFFF') >= 0)
            shadow = Shadow(range, out places);
        try
        {
            clock.Check(_pattern);
            foreach (ValueMatch match in _regex.EnumerateMatches(shadow ?? range))
            {
                if (places is null)
                    matches.Add((start + match.Index, match.Length));
                else
                    matches.Add((start + places[match.Index], places[match.Index + match.Length] - places[match.Index]));
                clock.Check(_pattern);
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            // A match cannot be canceled: who canceled has waited for its end.
            EncodingStop.Check();
            throw clock.TooLong(_pattern, e);
        }
    }

    /// <summary>The text with each match replaced.</summary>
    /// <exception cref="InvalidOperationException">It takes too long.</exception>
    public string Replace(string text, string replacement, PatternClock clock)
    {
        List<(int Start, int Length)> matches = [];
        Find(text, 0, text.Length, matches, clock);
        if (matches.Count == 0)
            return text;

        var changed = new StringBuilder(text.Length);
        int position = 0;
        foreach (var (start, length) in matches)
        {
            changed.Append(text, position, start - position).Append(replacement);
            position = start + length;
        }

        return changed.Append(text, position, text.Length - position).ToString();
    }

    // Patterns come with models from untrusted sources, and may be made to take forever; without backtracking they cannot. That engine
    // finds the same matches, and has no look-around, atomic groups and very large automata.
    private static Regex Create(string pattern)
    {
        if (!KnownPatterns.IsQuick(pattern))
        {
            try
            {
                return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, PatternClock.Patience);
            }
            catch (NotSupportedException)
            {
            }
        }

        return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, PatternClock.Patience);
    }

    private static string Shadow(ReadOnlySpan<char> text, out int[] places)
    {
        var shadow = new StringBuilder(text.Length);
        places = new int[text.Length + 1];
        int position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            places[shadow.Length] = position;
            shadow.Append(rune.IsBmp ? (char)rune.Value
                : CharacterKinds.IsCircledLetter(rune) ? CharacterKinds.CircledLetter
                : Representative(Rune.GetUnicodeCategory(rune)));
            position += rune.Utf16SequenceLength;
        }

        places[shadow.Length] = position;
        return shadow.ToString();
    }

    // Rare characters, so that no pattern names one of them.
    private static char Representative(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u03D2',
        UnicodeCategory.LowercaseLetter => '\u0237',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\u1D2C',
        UnicodeCategory.OtherLetter => '\uA000',
        UnicodeCategory.NonSpacingMark => '\u1AB0',
        UnicodeCategory.SpacingCombiningMark => '\uA823',
        UnicodeCategory.EnclosingMark => '\u1ABE',
        UnicodeCategory.DecimalDigitNumber => '\uA620',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\uA830',
        UnicodeCategory.SpaceSeparator => '\u205F',
        UnicodeCategory.LineSeparator => '\u2028',
        UnicodeCategory.ParagraphSeparator => '\u2029',
        UnicodeCategory.Control => '\u0080',
        UnicodeCategory.Format => '\u2064',
        UnicodeCategory.PrivateUse => '\uE000',
        UnicodeCategory.ConnectorPunctuation => '\uFE33',
        UnicodeCategory.DashPunctuation => '\u2E17',
        UnicodeCategory.OpenPunctuation => '\u2E22',
        UnicodeCategory.ClosePunctuation => '\u2E23',
        UnicodeCategory.InitialQuotePunctuation => '\u2E02',
        UnicodeCategory.FinalQuotePunctuation => '\u2E03',
        UnicodeCategory.OtherPunctuation => '\uA874',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\uA838',
        UnicodeCategory.ModifierSymbol => '\uA700',
        UnicodeCategory.OtherSymbol => '\uA490',
        _ => '\u0378',
    };
}
