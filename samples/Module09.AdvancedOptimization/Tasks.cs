using System.Text;

namespace Module09;

/// <summary>A family of small tasks with letters, as prompts with examples: <c>next: c>d k>l a></c>.</summary>
internal static class Tasks
{
    /// <summary>Letters that a new task has an answer for.</summary>
    public const int Inputs = 4;

    /// <summary>A task for a model.</summary>
    public sealed class Sheet
    {
        public string Prompt { get; init; } = "";

        public string Answer { get; init; } = "";
    }

    private const int Examples = 10;

    private static readonly (string Name, Func<char, char> Do)[] _known =
    [
        ("same", c => c), ("next", c => Shift(c, 1)), ("back", c => Shift(c, 25)), ("far", c => Shift(c, 13)),
        ("big", char.ToUpperInvariant),
    ];

    /// <summary>Sheets to train on: half are new tasks, a quarter known ones with their name, a quarter known ones without.</summary>
    public static IEnumerable<Sheet> Training(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            (string name, Func<char, char> answer, char[] letters) =
                (i % 4) switch { 0 => Known(random, withName: true), 1 => Known(random, withName: false), _ => New(random) };
            yield return new Sheet { Prompt = $"{name}:", Answer = Write(random, answer, letters, Examples) };
        }
    }

    /// <summary>Questions after a number of examples, each of a task of its own.</summary>
    /// <param name="kind">named: a known task by its name; known: without it; new: a task that was never seen.</param>
    /// <param name="examples">Examples before the question.</param>
    /// <param name="count">The number of questions.</param>
    /// <param name="seed">The seed.</param>
    public static IEnumerable<Sheet> Questions(string kind, int examples, int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            (string name, Func<char, char> answer, char[] letters) =
                kind == "new" ? New(random) : Known(random, withName: kind == "named");
            char question = letters[random.Next(letters.Length)];
            yield return new Sheet
            {
                Prompt = $"{name}:{Write(random, answer, letters, examples)} {question}>",
                Answer = answer(question).ToString(),
            };
        }
    }

    /// <summary>The best that can be done for a new task: a letter that was shown is known, another one is guessed.</summary>
    public static double BestAccuracy(int examples)
    {
        double unseen = Math.Pow(1 - 1.0 / Inputs, examples);
        return 1 - unseen + unseen / 26;
    }

    private static string Write(Random random, Func<char, char> answer, char[] letters, int examples)
    {
        var text = new StringBuilder();
        for (int i = 0; i < examples; i++)
        {
            char letter = letters[random.Next(letters.Length)];
            text.Append(' ').Append(letter).Append('>').Append(answer(letter));
        }

        return text.ToString();
    }

    private static (string Name, Func<char, char> Answer, char[] Letters) Known(Random random, bool withName)
    {
        (string name, Func<char, char> answer) = _known[random.Next(_known.Length)];
        return (withName ? name : "", answer, [.. Enumerable.Range('a', 26).Select(c => (char)c)]);
    }

    // 26⁴ ways to answer 4 of 26 letters: next to none comes twice.
    private static (string Name, Func<char, char> Answer, char[] Letters) New(Random random)
    {
        char[] letters = [.. Enumerable.Range('a', 26).Select(c => (char)c)];
        random.Shuffle(letters);
        Dictionary<char, char> answers = letters.Take(Inputs).ToDictionary(c => c, _ => (char)('a' + random.Next(26)));
        return ("", c => answers[c], letters[..Inputs]);
    }

    private static char Shift(char c, int by) => (char)('a' + (c - 'a' + by) % 26);
}
