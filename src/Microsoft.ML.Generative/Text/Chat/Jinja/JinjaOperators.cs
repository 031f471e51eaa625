namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Python's operators.</summary>
internal static class JinjaOperators
{
    /// <exception cref="JinjaException">The operator is not for such values.</exception>
    public static object? Compute(JinjaBudget budget, string name, object? left, object? right)
    {
        foreach (object? value in (object?[])[left, right])
        {
            if (value is JinjaUndefined undefined && !(name == "%" && left is JinjaText))
                throw undefined.Error();
        }

        return (name, left, right) switch
        {
            ("+", JinjaText a, JinjaText b) => Joined(budget, a, b),
            ("+", JinjaList a, JinjaList b) when a.IsTuple == b.IsTuple => Joined(budget, a, b),
            ("*", JinjaText or JinjaList, long or bool) => Repeat(budget, left!, JinjaValues.Integer(right, "*")),
            ("*", long or bool, JinjaText or JinjaList) => Repeat(budget, right!, JinjaValues.Integer(left, "*")),
            ("%", JinjaText format, _) => JinjaFormat.Percent(budget, format, right is JinjaList { IsTuple: true } t ? t.Items : [right]),
            _ when IsWhole(left) && IsWhole(right) => Whole(name, JinjaValues.Integer(left, name), JinjaValues.Integer(right, name)),
            _ when JinjaValues.Number(left) is { } a && JinjaValues.Number(right) is { } b => Float(name, a, b),
            _ => throw new JinjaException($"'{name}' is not for {JinjaValues.TypeName(left)} and {JinjaValues.TypeName(right)}"),
        };
    }

    public static object Sign(object? value, bool isNegative) => value switch
    {
        long.MinValue when isNegative => throw TooLarge(),
        // Without the casts, all would become floats.
        long whole => (object)(isNegative ? -whole : whole),
        bool truth => (truth ? 1L : 0L) * (isNegative ? -1 : 1),
        double number => isNegative ? -number : number,
        JinjaUndefined undefined => throw undefined.Error(),
        _ => throw new JinjaException($"{JinjaValues.TypeName(value)} has no sign"),
    };

    /// <exception cref="JinjaException">The values cannot be compared.</exception>
    public static bool Compare(JinjaBudget budget, string name, object? left, object? right) => name switch
    {
        "==" => JinjaValues.AreEqual(budget, left, right),
        "!=" => !JinjaValues.AreEqual(budget, left, right),
        "in" => IsIn(budget, left, right),
        "not in" => !IsIn(budget, left, right),
        _ when left is double.NaN || right is double.NaN => false,
        "<" => JinjaValues.Compare(budget, left, right) < 0,
        "<=" => JinjaValues.Compare(budget, left, right) <= 0,
        ">" => JinjaValues.Compare(budget, left, right) > 0,
        _ => JinjaValues.Compare(budget, left, right) >= 0,
    };

    public static bool IsIn(JinjaBudget budget, object? item, object? container)
    {
        switch (container)
        {
            case JinjaText text:
                budget.Spend(text.Length);
                return text.Value.Contains(JinjaValues.Text(item, "in").Value, StringComparison.Ordinal);
            case JinjaList list:
                return list.Items.Any(other => JinjaValues.AreEqual(budget, item, other));
            case JinjaDictionary dictionary:
                return dictionary.TryGet(item, out _);
            case JinjaUndefined:
                return false;
            default:
                throw new JinjaException($"{JinjaValues.TypeName(container)} has no elements");
        }
    }

    private static bool IsWhole(object? value) => value is long or bool;

    private static JinjaText Joined(JinjaBudget budget, JinjaText a, JinjaText b)
    {
        budget.Spend(a.Length + b.Length);
        return new JinjaText.Builder().Append(a).Append(b).ToText();
    }

    private static JinjaList Joined(JinjaBudget budget, JinjaList a, JinjaList b)
    {
        budget.Spend(a.Items.Count + b.Items.Count);
        return new JinjaList([.. a.Items, .. b.Items], a.IsTuple);
    }

    private static object Repeat(JinjaBudget budget, object value, long count)
    {
        long length = value is JinjaText t ? t.Length : ((JinjaList)value).Items.Count;
        count = length == 0 ? 0 : Math.Max(count, 0);
        budget.Spend(count > int.MaxValue ? long.MaxValue / 2 : count * length);
        if (value is JinjaList list)
            return new JinjaList([.. Enumerable.Repeat(list.Items, (int)count).SelectMany(items => items)], list.IsTuple);
        var text = new JinjaText.Builder();
        for (long i = 0; i < count; i++)
            text.Append((JinjaText)value);
        return text.ToText();
    }

    private static object Whole(string name, long a, long b)
    {
        try
        {
            checked
            {
                return name switch
                {
                    "+" => (object)(a + b),
                    "-" => a - b,
                    "*" => a * b,
                    "/" => b == 0 ? throw ByZero() : (double)a / b,
                    "//" => b == 0 ? throw ByZero() : Floor(a, b),
                    "%" => b == 0 ? throw ByZero() : b == -1 ? 0L : (a % b + b) % b,
                    _ => b >= 0 ? (object)Power(a, b) : a == 0 ? throw ByZero() : Math.Pow(a, b),
                };
            }
        }
        catch (OverflowException)
        {
            throw TooLarge();
        }
    }

    private static long Floor(long a, long b) => checked(a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);

    private static long Power(long value, long exponent)
    {
        long result = 1;
        for (; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) == 1)
                result = checked(result * value);
            if (exponent > 1)
                value = value is 0 or 1 ? value : checked(value * value);
        }

        return result;
    }

    private static double Float(string name, double a, double b) => name switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => b == 0 ? throw ByZero() : a / b,
        "//" => b == 0 ? throw ByZero() : Math.Floor(a / b),
        "%" => b == 0 ? throw ByZero() : a - b * Math.Floor(a / b),
        _ => Math.Pow(a, b),
    };

    private static JinjaException ByZero() => new("division by zero");

    private static JinjaException TooLarge() => new("a number is too large");
}
