using System.Globalization;
using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>
/// Values as Python has them: None is null; True and False, whole numbers and floats are .NET's; texts, lists, tuples and dictionaries
/// have types of their own.
/// </summary>
internal static class JinjaValues
{
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool truth => truth,
        long whole => whole != 0,
        double number => number != 0,
        JinjaText text => text.Length > 0,
        JinjaList list => list.Items.Count > 0,
        JinjaDictionary dictionary => dictionary.Count > 0,
        _ => true,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "None",
        JinjaUndefined => "an undefined value",
        bool => "a bool",
        long => "an int",
        double => "a float",
        JinjaText => "a text",
        JinjaList list => list.IsTuple ? "a tuple" : "a list",
        JinjaDictionary => "a dictionary",
        JinjaFunction function => $"the function '{function.Name}'",
        _ => "an object",
    };

    /// <summary><c>str(value)</c>.</summary>
    public static JinjaText ToText(JinjaBudget budget, object? value)
    {
        if (value is JinjaText text)
            return text;
        var output = new JinjaText.Builder();
        if (value is not JinjaUndefined)
            Write(budget, value, output);
        return output.ToText();
    }

    /// <summary>A number as Python writes it.</summary>
    public static string ToText(double value)
    {
        if (!double.IsFinite(value))
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        string shortest = value.ToString("E16", CultureInfo.InvariantCulture);
        int exponent = int.Parse(shortest.AsSpan(shortest.IndexOf('E') + 1), CultureInfo.InvariantCulture);
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        if (value != 0 && exponent is < -4 or >= 16)
        {
            int e = digits.IndexOf('E', StringComparison.Ordinal);
            string mantissa = e >= 0 ? digits[..e] : Mantissa(digits);
            return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (digits.Contains('E', StringComparison.Ordinal))
            digits = ((decimal)value).ToString(CultureInfo.InvariantCulture);
        return digits.Contains('.', StringComparison.Ordinal) ? digits : digits + ".0";
    }

    /// <summary>The elements that a loop goes through.</summary>
    /// <exception cref="JinjaException">There are none.</exception>
    public static IReadOnlyList<object?> Items(JinjaBudget budget, object? value)
    {
        IReadOnlyList<object?> items = value switch
        {
            JinjaList list => list.Items,
            JinjaDictionary dictionary => [.. dictionary.Items.Select(item => item.Key)],
            JinjaText text => Characters(text),
            JinjaUndefined => [],
            _ => throw new JinjaException($"{TypeName(value)} has no elements"),
        };
        budget.Spend(items.Count);
        return items;
    }

    public static long? Length(object? value) => value switch
    {
        JinjaText text => JinjaStrings.Length(text.Value),
        JinjaList list => list.Items.Count,
        JinjaDictionary dictionary => dictionary.Count,
        JinjaUndefined => 0,
        _ => null,
    };

    /// <exception cref="JinjaException">It is no whole number.</exception>
    public static long Integer(object? value, string what) => value switch
    {
        long whole => whole,
        bool truth => truth ? 1 : 0,
        JinjaUndefined undefined => throw undefined.Error(),
        _ => throw new JinjaException($"{TypeName(value)} where a whole number was expected for {Quoted.Text(what)}"),
    };

    /// <exception cref="JinjaException">It is no text.</exception>
    public static JinjaText Text(object? value, string what) => value switch
    {
        JinjaText text => text,
        JinjaUndefined undefined => throw undefined.Error(),
        _ => throw new JinjaException($"{TypeName(value)} where a text was expected for {Quoted.Text(what)}"),
    };

    /// <summary>A number as a float, or null.</summary>
    public static double? Number(object? value) => value switch
    {
        long whole => whole,
        bool truth => truth ? 1 : 0,
        double number => number,
        _ => null,
    };

    public static bool AreEqual(JinjaBudget budget, object? a, object? b)
    {
        using JinjaBudget.Level level = budget.Enter();
        budget.Spend(1);
        return (a, b) switch
        {
            (null, null) or (JinjaUndefined, JinjaUndefined) => true,
            (JinjaText x, JinjaText y) => x.Value == y.Value,
            (long x, long y) => x == y,
            (JinjaList x, JinjaList y) => x.IsTuple == y.IsTuple && x.Items.Count == y.Items.Count
                && x.Items.Zip(y.Items).All(pair => AreEqual(budget, pair.First, pair.Second)),
            (JinjaDictionary x, JinjaDictionary y) => x.Count == y.Count
                && x.Items.All(item => y.TryGet(item.Key, out object? other) && AreEqual(budget, item.Value, other)),
            _ when Number(a) is { } x && Number(b) is { } y => x == y,
            _ => ReferenceEquals(a, b),
        };
    }

    /// <summary>The order of two values, as Python's "less than" says it.</summary>
    /// <exception cref="JinjaException">They have none.</exception>
    public static int Compare(JinjaBudget budget, object? a, object? b)
    {
        using JinjaBudget.Level level = budget.Enter();
        budget.Spend(1);
        switch (a, b)
        {
            case (JinjaUndefined undefined, _):
                throw undefined.Error();
            case (_, JinjaUndefined undefined):
                throw undefined.Error();
            case (JinjaText x, JinjaText y):
                return JinjaStrings.Compare(x.Value, y.Value);
            case (long x, long y):
                return x.CompareTo(y);
            case (JinjaList x, JinjaList y) when x.IsTuple == y.IsTuple:
                foreach ((object? first, object? second) in x.Items.Zip(y.Items))
                {
                    if (!AreEqual(budget, first, second))
                        return Compare(budget, first, second);
                }

                return x.Items.Count - y.Items.Count;
            default:
                return Number(a) is { } m && Number(b) is { } n
                    ? m.CompareTo(n)
                    : throw new JinjaException($"{TypeName(a)} and {TypeName(b)} have no order");
        }
    }

    private static List<object?> Characters(JinjaText text)
    {
        int[] places = JinjaStrings.Places(text.Value);
        return [.. Enumerable.Range(0, places.Length - 1).Select(i => text.Slice(places[i], places[i + 1] - places[i]))];
    }

    private static string Mantissa(string digits)
    {
        string sign = digits.StartsWith('-') ? "-" : "";
        string plain = digits.TrimStart('-').Replace(".", "", StringComparison.Ordinal).TrimStart('0').TrimEnd('0');
        return plain.Length > 1 ? $"{sign}{plain[0]}.{plain[1..]}" : sign + plain;
    }

    private static void Write(JinjaBudget budget, object? value, JinjaText.Builder output)
    {
        switch (value)
        {
            case null:
                output.Append("None");
                break;
            case bool truth:
                output.Append(truth ? "True" : "False");
                break;
            case long whole:
                output.Append(whole.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                output.Append(ToText(number));
                break;
            default:
                Represent(budget, value, output);
                break;
        }
    }

    // repr(value)
    private static void Represent(JinjaBudget budget, object? value, JinjaText.Builder output)
    {
        using JinjaBudget.Level level = budget.Enter();
        budget.Spend(1);
        switch (value)
        {
            case JinjaText text:
                budget.Spend(text.Length);
                Quote(text, output);
                break;
            case JinjaList list:
                output.Append(list.IsTuple ? "(" : "[");
                for (int i = 0; i < list.Items.Count; i++)
                {
                    output.Append(i > 0 ? ", " : "");
                    Represent(budget, list.Items[i], output);
                }

                output.Append(list is { IsTuple: true, Items.Count: 1 } ? ",)" : list.IsTuple ? ")" : "]");
                break;
            case JinjaDictionary dictionary:
                output.Append("{");
                int count = 0;
                foreach ((object? key, object? item) in dictionary.Items)
                {
                    output.Append(count++ > 0 ? ", " : "");
                    Represent(budget, key, output);
                    output.Append(": ");
                    Represent(budget, item, output);
                }

                output.Append("}");
                break;
            case JinjaUndefined:
                output.Append("Undefined");
                break;
            case null or bool or long or double:
                Write(budget, value, output);
                break;
            default:
                throw new JinjaException($"{TypeName(value)} cannot be written");
        }
    }

    private static void Quote(JinjaText text, JinjaText.Builder output)
    {
        char quote = text.Value.Contains('\'', StringComparison.Ordinal)
            && !text.Value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        output.Append(quote.ToString());
        output.Append(text.Map((rune, _) => rune.Value switch
        {
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            var c when c == quote => $"\\{quote}",
            < 0x20 or 0x7F => $"\\x{rune.Value:x2}",
            _ when IsPrintable(rune) => rune.ToString(),
            <= 0xFF => $"\\x{rune.Value:x2}",
            <= 0xFFFF => $"\\u{rune.Value:x4}",
            _ => $"\\U{rune.Value:x8}",
        }));
        output.Append(quote.ToString());
    }

    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);
}
