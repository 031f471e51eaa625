using System.Globalization;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Numbers as JSON has them, without leading zeros, and ranges of them.</summary>
internal static class NumberPatterns
{
    /// <summary>The most that a number without an exponent may be.</summary>
    public const decimal Most = 999_999_999_999_999m;

    private const int MostFractionDigits = 15;

    private static readonly TextPattern _digit = TextPattern.Range('0', '9');
    private static readonly TextPattern _fraction = PatternReader.Read(@"(\.\d{1,15})?");

    /// <summary>Any number that has at most 15 digits before and after the point, and two of exponent.</summary>
    public static ByteAutomaton Any { get; } = Read(@"-?(0|[1-9]\d{0,14})(\.\d{1,15})?([eE][+-]?\d{1,2})?");

    /// <summary>Any number that every floating-point type of .NET and <see cref="decimal"/> can hold.</summary>
    public static ByteAutomaton Moderate { get; } = Read(@"-?(0|[1-9]\d{0,14})(\.\d{1,15})?([eE](\+?\d|-\d{1,2}))?");

    /// <summary>Whole numbers of a range, both ends included.</summary>
    public static TextPattern Whole(Int128 least, Int128 most)
    {
        List<TextPattern> options = [];
        if (least < 0)
            options.Add(TextPattern.All(TextPattern.Of("-"), Positive(Int128.Max(1, -most), -least)));
        if (least <= 0 && most >= 0)
            options.Add(TextPattern.Of("0"));
        if (most > 0)
            options.Add(Positive(Int128.Max(1, least), most));
        return TextPattern.Any(options);
    }

    /// <summary>Numbers of a range, both ends included, without an exponent.</summary>
    public static TextPattern Between(decimal least, decimal most)
    {
        List<TextPattern> options = [];
        if (most >= 0)
            options.Add(NonNegative(Math.Max(0, least), most));
        if (least < 0)
            options.Add(TextPattern.All(TextPattern.Of("-"), NonNegative(Math.Max(0, -most), -least)));
        return TextPattern.Any(options);
    }

    private static ByteAutomaton Read(string pattern) => ByteAutomaton.Of(PatternReader.Read(pattern));

    private static TextPattern Positive(Int128 least, Int128 most)
    {
        List<TextPattern> options = [];
        // For each number of digits.
        for (Int128 first = least; first <= most;)
        {
            string digits = Text(first), nines = new('9', digits.Length);
            Int128 last = Int128.Min(most, Int128.Parse(nines, CultureInfo.InvariantCulture));
            options.Add(Digits(digits, Text(last)));
            first = last + 1;
        }

        return TextPattern.Any(options);
    }

    // Of as many digits each.
    private static TextPattern Digits(string least, string most)
    {
        if (least.Trim('0').Length == 0 && most.Trim('9').Length == 0)
            return _digit.Times(least.Length, least.Length);
        if (least[0] == most[0])
            return After(least[0], Digits(least[1..], most[1..]));
        int rest = least.Length - 1;
        List<TextPattern> options =
        [
            After(least[0], Digits(least[1..], new string('9', rest))), After(most[0], Digits(new string('0', rest), most[1..])),
        ];
        AddBetween(options, least[0], most[0], _digit.Times(rest, rest));
        return TextPattern.Any(options);
    }

    private static TextPattern NonNegative(decimal least, decimal most)
    {
        (Int128 whole, string fraction) = Parts(least);
        (Int128 mostWhole, string mostFraction) = Parts(most);
        if (whole == mostWhole)
            return TextPattern.All(TextPattern.Of(Text(whole)), FractionBetween(fraction, mostFraction));
        List<TextPattern> options =
        [
            TextPattern.All(
                TextPattern.Of(Text(whole)),
                fraction.Length == 0 ? _fraction : TextPattern.All(TextPattern.Of("."), TailAtLeast(fraction))),
            TextPattern.All(TextPattern.Of(Text(mostWhole)), FractionAtMost(mostFraction)),
        ];
        if (mostWhole - whole > 1)
            options.Add(TextPattern.All(Whole(whole + 1, mostWhole - 1), _fraction));
        return TextPattern.Any(options);
    }

    // Without zeros at the end.
    private static (Int128 Whole, string Fraction) Parts(decimal value)
    {
        string[] parts = value.ToString(CultureInfo.InvariantCulture).Split('.');
        return (Int128.Parse(parts[0], CultureInfo.InvariantCulture), parts.Length == 1 ? "" : parts[1].TrimEnd('0'));
    }

    private static TextPattern FractionBetween(string least, string most) =>
        least.Length == 0 ? FractionAtMost(most) : TextPattern.All(TextPattern.Of("."), TailBetween(least, most));

    private static TextPattern FractionAtMost(string most) =>
        TextPattern.All(TextPattern.Of("."), most.Length == 0 ? TextPattern.Of("0") : TailAtMost(most)).Optional();

    private static TextPattern TailBetween(string least, string most)
    {
        if (least.Length == 0)
            return most.Length == 0 ? TextPattern.Nothing : TailAtMost(most).Optional();
        if (least[0] == most[0])
            return After(least[0], TailBetween(least[1..], most[1..]));
        List<TextPattern> options = [After(least[0], TailAtLeast(least[1..])), After(most[0], RestAtMost(most[1..]))];
        AddBetween(options, least[0], most[0], _digit.Times(0, MostFractionDigits));
        return TextPattern.Any(options);
    }

    private static TextPattern TailAtLeast(string least)
    {
        if (least.Length == 0)
            return _digit.Times(0, MostFractionDigits);
        List<TextPattern> options = [After(least[0], TailAtLeast(least[1..]))];
        AddBetween(options, least[0], (char)('9' + 1), _digit.Times(0, MostFractionDigits));
        return TextPattern.Any(options);
    }

    private static TextPattern TailAtMost(string most)
    {
        List<TextPattern> options = [After(most[0], RestAtMost(most[1..]))];
        AddBetween(options, (char)('0' - 1), most[0], _digit.Times(0, MostFractionDigits));
        return TextPattern.Any(options);
    }

    private static TextPattern RestAtMost(string most) => most.Length == 0 ? TextPattern.Nothing : TailAtMost(most).Optional();

    private static void AddBetween(List<TextPattern> options, char above, char below, TextPattern rest)
    {
        if (below - above > 1)
            options.Add(TextPattern.All(TextPattern.Range((char)(above + 1), (char)(below - 1)), rest));
    }

    private static TextPattern After(char digit, TextPattern rest) => TextPattern.All(TextPattern.Of($"{digit}"), rest);

    private static string Text(Int128 value) => value.ToString(CultureInfo.InvariantCulture);
}
