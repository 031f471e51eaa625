using System.Buffers;
using System.Globalization;
using System.Text;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Python's formats of texts and times.</summary>
internal static class JinjaFormat
{
    private const int MaxWidth = 1000;

    private static readonly SearchValues<char> _flags = SearchValues.Create("-+ 0#.123456789");

    /// <summary><c>format % values</c>, with %s, %r, %d, %i, %f, %x, %X and %%, and flags, width and precision.</summary>
    /// <exception cref="JinjaException">The format is not supported, or does not fit the values.</exception>
    public static JinjaText Percent(JinjaBudget budget, JinjaText format, IReadOnlyList<object?> values)
    {
        var output = new JinjaText.Builder();
        string text = format.Value;
        int used = 0, done = 0;
        for (int i; (i = text.IndexOf('%', done)) >= 0;)
        {
            output.Append(format, done, i - done);
            int end = text.AsSpan(i + 1).IndexOfAnyExcept(_flags) is >= 0 and var n
                ? i + 1 + n
                : throw new JinjaException("a format ends with '%'");
            done = end + 1;
            if (text[end] == '%')
            {
                output.Append("%");
                continue;
            }

            if (used >= values.Count)
                throw new JinjaException("there are not enough values for a format");
            Append(budget, output, text.AsSpan(i + 1, end - i - 1), text[end], values[used++]);
        }

        return used == values.Count || (used == 0 && values is [JinjaDictionary])
            ? output.Append(format, done, text.Length - done).ToText()
            : throw new JinjaException("there are more values than a format has places");
    }

    /// <summary><c>datetime.strftime</c>, in English.</summary>
    public static string Time(DateTimeOffset time, string format)
    {
        var output = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            bool noPadding = format[i + 1] == '-' && i + 2 < format.Length;
            i += noPadding ? 2 : 1;
            string part = Part(time, format[i]);
            output.Append(noPadding && part.Length > 1 ? part.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0" : part);
        }

        return output.ToString();
    }

    private static void Append(JinjaBudget budget, JinjaText.Builder output, ReadOnlySpan<char> flags, char kind, object? value)
    {
        int point = flags.IndexOf('.');
        int flagEnd = flags.IndexOfAnyExcept("-+ 0#") is >= 0 and var f ? f : flags.Length;
        int width = Number(flags[flagEnd..(point >= 0 ? Math.Max(point, flagEnd) : flags.Length)]);
        int? precision = point >= 0 ? Number(flags[(point + 1)..]) : null;
        JinjaText text = kind switch
        {
            's' => JinjaValues.ToText(budget, value),
            'r' => Inner(JinjaValues.ToText(budget, new JinjaList([value]))),
            'd' or 'i' => JinjaText.Of(Math.Truncate(Needed(value)).ToString("F0", CultureInfo.InvariantCulture)),
            'f' or 'F' => JinjaText.Of(Needed(value).ToString($"F{precision ?? 6}", CultureInfo.InvariantCulture)),
            'x' or 'X' => JinjaText.Of(
                JinjaValues.Integer(value, "%x").ToString(kind.ToString(), CultureInfo.InvariantCulture)),
            _ => throw new JinjaException($"the format '%{kind}' is not supported"),
        };
        bool isNumber = kind is not ('s' or 'r');
        if (!isNumber && precision is { } longest && text.Length > longest)
            text = text.Slice(0, longest);
        if (isNumber && !text.Value.StartsWith('-') && (flags[..flagEnd].Contains('+') || flags[..flagEnd].Contains(' ')))
            text = JinjaText.Of((flags[..flagEnd].Contains('+') ? "+" : " ") + text.Value);
        int missing = Math.Max(0, width - text.Length);
        budget.Spend(missing + text.Length);
        bool isLeft = flags[..flagEnd].Contains('-');
        if (isNumber && !isLeft && flags[..flagEnd].Contains('0'))
        {
            int sign = text.Value.Length > 0 && text.Value[0] is '-' or '+' or ' ' ? 1 : 0;
            output.Append(text, 0, sign).Append(new string('0', missing)).Append(text, sign, text.Length - sign);
            return;
        }

        output.Append(isLeft ? "" : new string(' ', missing)).Append(text).Append(isLeft ? new string(' ', missing) : "");

        // A list of one element, without its brackets.
        static JinjaText Inner(JinjaText list) => list.Slice(1, list.Length - 2);
    }

    private static int Number(ReadOnlySpan<char> digits) => digits.IsEmpty ? 0
        : int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value <= MaxWidth ? value
        : throw new JinjaException($"the width of a format is not a number up to {MaxWidth}");

    private static double Needed(object? value) => JinjaValues.Number(value)
        ?? throw new JinjaException($"{JinjaValues.TypeName(value)} where a format needs a number");

    private static string Part(DateTimeOffset time, char kind)
    {
        string Format(string format) => time.ToString(format, CultureInfo.InvariantCulture);
        return kind switch
        {
            'Y' => Format("yyyy"),
            'y' => Format("yy"),
            'm' => Format("MM"),
            'd' => Format("dd"),
            'e' => Format("%d").PadLeft(2),
            'B' => Format("MMMM"),
            'b' or 'h' => Format("MMM"),
            'A' => Format("dddd"),
            'a' => Format("ddd"),
            'H' => Format("HH"),
            'I' => Format("hh"),
            'M' => Format("mm"),
            'S' => Format("ss"),
            'f' => Format("ffffff"),
            'p' => Format("tt"),
            'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'u' => ((int)time.DayOfWeek + 6) % 7 is var day ? (day + 1).ToString(CultureInfo.InvariantCulture) : "",
            'F' => Format("yyyy-MM-dd"),
            'T' => Format("HH:mm:ss"),
            'R' => Format("HH:mm"),
            'D' or 'x' => Format("MM/dd/yy"),
            'X' => Format("HH:mm:ss"),
            'c' => Format("ddd MMM ") + Format("%d").PadLeft(2) + Format(" HH:mm:ss yyyy"),
            'z' or 'Z' => "",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => throw new JinjaException($"the format '%{kind}' of a time is not supported"),
        };
    }
}
