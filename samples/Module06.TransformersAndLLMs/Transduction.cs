using System.Globalization;

namespace Module06;

/// <summary>Two tasks, which a prefix names: dates in words, and commands for a small machine.</summary>
internal static class Transduction
{
    /// <summary>A source and its target.</summary>
    public sealed class Pair
    {
        public string Source { get; init; } = "";

        public string Target { get; init; } = "";
    }

    public const string DatePrefix = "date: ";
    public const string CodePrefix = "code: ";

    private static readonly string[] _ones =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];

    private static readonly string[] _tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    private static readonly string[] _ordinals =
    [
        "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth",
        "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    ];

    /// <summary>Different dates of the years 1900 to 1999, each written in one of four ways.</summary>
    public static Pair[] Dates(Random random, int count) => Distinct(count, () =>
    {
        DateTime day = new DateTime(1900, 1, 1).AddDays(random.Next(36_524));
        string month = day.ToString("MMMM", CultureInfo.InvariantCulture);
        string source = random.Next(4) switch
        {
            0 => $"the {Ordinal(day.Day)} of {month}, nineteen {Number(day.Year - 1900)}",
            1 => $"{month} {day.Day}, {day.Year}",
            2 => $"{day.Day} {month} {day.Year}",
            _ => $"{month} the {Ordinal(day.Day)}, {day.Year}",
        };
        return new Pair { Source = DatePrefix + source, Target = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) };
    });

    /// <summary>Different commands, and the programs of a stack machine that carry them out.</summary>
    public static Pair[] Programs(Random random, int count) => Distinct(count, () =>
    {
        int first = random.Next(10);
        List<string> commands = [$"take {first}"], program = [$"{first}"];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int n = random.Next(10);
            (string command, string code) = random.Next(5) switch
            {
                0 => ($"add {n}", $"{n} +"),
                1 => ($"subtract {n}", $"{n} -"),
                2 => ($"multiply by {n}", $"{n} *"),
                3 => ("double it", "2 *"),
                _ => ("square it", "dup *"),
            };
            commands.Add(command);
            program.Add(code);
        }

        return new Pair { Source = CodePrefix + string.Join(", ", commands), Target = string.Join(' ', program) };
    });

    /// <summary>Runs a program; <see langword="null"/>: it is none.</summary>
    public static long? Execute(string program)
    {
        var stack = new Stack<long>();
        foreach (string word in program.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
            {
                stack.Push(number);
                continue;
            }

            if (stack.Count < (word == "dup" ? 1 : 2))
                return null;
            long right = stack.Pop();
            switch (word)
            {
                case "dup":
                    stack.Push(right);
                    stack.Push(right);
                    break;
                case "+":
                    stack.Push(stack.Pop() + right);
                    break;
                case "-":
                    stack.Push(stack.Pop() - right);
                    break;
                case "*":
                    stack.Push(stack.Pop() * right);
                    break;
                default:
                    return null;
            }
        }

        return stack.Count == 1 ? stack.Pop() : null;
    }

    private static Pair[] Distinct(int count, Func<Pair> next)
    {
        var pairs = new Dictionary<string, Pair>();
        while (pairs.Count < count)
        {
            Pair pair = next();
            pairs.TryAdd(pair.Source, pair);
        }

        return [.. pairs.Values];
    }

    private static string Number(int n) => n switch
    {
        0 => "hundred",
        < 10 => $"oh {_ones[n]}",
        < 20 => _ones[n],
        _ => _tens[n / 10] + (n % 10 == 0 ? "" : $"-{_ones[n % 10]}"),
    };

    private static string Ordinal(int n) => n switch
    {
        < 20 => _ordinals[n],
        20 => "twentieth",
        30 => "thirtieth",
        _ => $"{_tens[n / 10]}-{_ordinals[n % 10]}",
    };
}
