using System.Text.RegularExpressions;

namespace Module06;

/// <summary>The task that the model is tuned on: a king commands, and the fool obeys.</summary>
internal static class Court
{
    /// <summary>A command as the model reads it, and what it should say.</summary>
    public sealed class Scene
    {
        public string Prompt { get; init; } = "";

        public string Answer { get; init; } = "";
    }

    private static readonly (string Verb, Func<string, string> Do)[] _commands =
    [
        ("say", word => word),
        ("shout", word => word.ToUpperInvariant() + "!"),
        ("spell", word => string.Join('-', word.ToCharArray())),
    ];

    /// <summary>A prompt, the same in training and chat.</summary>
    public static string Prompt(string command) => $"KING:\n{command}\n\nFOOL:\n";

    /// <summary>Every command with every word.</summary>
    public static Scene[] Scenes(IEnumerable<string> words) =>
        [.. words.SelectMany(word => _commands.Select(command => new Scene { Prompt = Prompt($"{command.Verb} {word}"), Answer = command.Do(word) }))];

    /// <summary>An answer with each letter replaced by one that tells its case, and repetitions left out: A! of THUNDER!, a-a of k-i-n-g.</summary>
    public static string Form(string answer) =>
        Regex.Replace(Regex.Replace(Regex.Replace(answer, "[a-z]", "a"), "[A-Z]", "A"), "(a-?|A)\\1+", "$1");

    /// <summary>
    /// Words of the text, in an order of chance: those to learn with, and others to test with. Where the text has too few, words to learn with are put
    /// together from halves of others.
    /// </summary>
    public static (string[] Train, string[] Test) Words(string text, int train, int test)
    {
        string[] words = [.. TextData.Words(text).Where(word => word.Length is >= 3 and <= 8 && word.All(char.IsAsciiLetterLower)).Distinct().Order(StringComparer.Ordinal)];
        var random = new Random(1);
        random.Shuffle(words);
        test = Math.Min(test, words.Length / 4);
        HashSet<string> unseen = [.. words[..test]], learn = [.. words[test..Math.Min(words.Length, test + train)]];
        while (learn.Count < train)
        {
            string first = words[random.Next(test, words.Length)], second = words[random.Next(test, words.Length)];
            string glued = first[..random.Next(1, first.Length)] + second[random.Next(1, second.Length)..];
            if (glued.Length is >= 3 and <= 8 && !unseen.Contains(glued))
                learn.Add(glued);
        }

        return ([.. learn], [.. unseen]);
    }
}
