using System.Text;

namespace Samples.Shared;

/// <summary>An endless play from a small grammar: training data where there is no file.</summary>
public static class MadePlay
{
    private static readonly string[] _speakers =
        ["KING", "QUEEN", "FOOL", "GHOST", "FIRST LORD", "SECOND LORD", "JULIET", "VIOLA", "DUKE", "MESSENGER"];
    private static readonly string[] _people =
        ["king", "queen", "fool", "ghost", "lord", "sister", "brother", "soldier", "friend", "stranger"];
    private static readonly string[] _things =
        ["crown", "sword", "letter", "candle", "garden", "castle", "river", "shadow", "winter", "thunder", "silver", "mirror"];
    private static readonly string[] _qualities =
        ["noble", "gentle", "bitter", "golden", "silent", "broken", "ancient", "honest", "cruel", "hollow"];
    private static readonly string[] _actions = ["sees", "loves", "fears", "keeps", "breaks", "follows", "forgets", "praises"];
    private static readonly string[] _openings = ["Good morrow", "Alas", "Come", "Speak", "Nay", "Enough", "Behold", "Farewell"];

    /// <summary>The beginning of the play, of about the given length; the same seed gives the same play.</summary>
    public static string Write(int characters, int seed)
    {
        var random = new Random(seed);
        var play = new StringBuilder();
        string? previous = null;
        while (play.Length < characters)
        {
            // No speaker answers himself.
            string speaker = Pick(random, [.. _speakers.Where(name => name != previous)]);
            previous = speaker;
            play.Append(speaker).Append(":\n");
            for (int line = random.Next(1, 4); line > 0; line--)
                play.Append(Line(random)).Append('\n');
            play.Append('\n');
        }

        return play.ToString();
    }

    private static string Line(Random random) => random.Next(6) switch
    {
        0 => $"{Pick(random, _openings)}, my {Pick(random, _qualities)} {Pick(random, _people)}!",
        1 => $"Who {Pick(random, _actions)} the {Thing(random)}?",
        2 => $"The {Person(random)} {Pick(random, _actions)} the {Thing(random)}.",
        3 => $"O {Pick(random, _things)}, {Pick(random, _things)}; the {Person(random)} {Pick(random, _actions)} thee.",
        4 => $"{Pick(random, _openings)}: the {Thing(random)} is {Pick(random, _qualities)}, and the {Pick(random, _people)} is "
            + $"{Pick(random, _qualities)}.",
        _ => $"If the {Pick(random, _people)} {Pick(random, _actions)} the {Pick(random, _things)}, the {Pick(random, _things)} "
            + $"{Pick(random, _actions)} the {Pick(random, _people)}.",
    };

    private static string Person(Random random) => Described(random, _people);

    private static string Thing(Random random) => Described(random, _things);

    private static string Described(Random random, string[] nouns) =>
        random.Next(2) == 0 ? Pick(random, nouns) : $"{Pick(random, _qualities)} {Pick(random, nouns)}";

    private static string Pick(Random random, string[] words) => words[random.Next(words.Length)];
}
