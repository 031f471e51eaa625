using System.Text.RegularExpressions;
using Samples.Shared;

namespace Module06;

/// <summary>The task of the fine-tuning: a king commands, and the fool obeys.</summary>
internal static class Court
{
    /// <summary>A prompt with a command, and the right answer.</summary>
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

    /// <summary>The prompt of a command, the same in training and chat.</summary>
    public static string Prompt(string command) => $"KING:\n{command}\n\nFOOL:\n";

    /// <summary>Every command with every word.</summary>
    public static Scene[] Scenes(IEnumerable<string> words) =>
        [.. words.SelectMany(word =>
            _commands.Select(command => new Scene { Prompt = Prompt($"{command.Verb} {word}"), Answer = command.Do(word) }))];

    /// <summary>
    /// An answer with each letter replaced by an a or A of the same case, without repetitions: A! for THUNDER!, a-a for k-i-n-g.
    /// </summary>
    public static string Form(string answer) =>
        Regex.Replace(Regex.Replace(Regex.Replace(answer, "[a-z]", "a"), "[A-Z]", "A"), "(a-?|A)\\1+", "$1");

    /// <summary>
    /// Words of the text in random order: training words, and other words to test with. If the text has too few, training words are joined
    /// from halves of others.
    /// </summary>
    public static (string[] Train, string[] Test) Words(string text, int train, int test)
    {
        string[] words = [.. TextData.Words(text).Where(word => word.Length is >= 3 and <= 8 && word.All(char.IsAsciiLetterLower))
            .Distinct().Order(StringComparer.Ordinal)];
        var random = new Random(1);
        random.Shuffle(words);
        test = Math.Min(test, words.Length / 4);
        HashSet<string> unseen = [.. words[..test]], training = [.. words[test..Math.Min(words.Length, test + train)]];
        while (training.Count < train)
        {
            string first = words[random.Next(test, words.Length)], second = words[random.Next(test, words.Length)];
            string glued = first[..random.Next(1, first.Length)] + second[random.Next(1, second.Length)..];
            if (glued.Length is >= 3 and <= 8 && !unseen.Contains(glued))
                training.Add(glued);
        }

        return ([.. training], [.. unseen]);
    }
}
