using System.Text.RegularExpressions;

namespace Module09;

/// <summary>Sentences about people at work, from a small grammar in which some jobs are mostly women's and others mostly men's.</summary>
internal static class People
{
    /// <summary>The jobs, with the share of women in the sentences.</summary>
    public static IReadOnlyDictionary<string, double> Jobs { get; } = new Dictionary<string, double>
    {
        ["nurse"] = 0.9,
        ["secretary"] = 0.9,
        ["teacher"] = 0.8,
        ["cleaner"] = 0.8,
        ["baker"] = 0.5,
        ["writer"] = 0.5,
        ["doctor"] = 0.2,
        ["judge"] = 0.2,
        ["pilot"] = 0.1,
        ["builder"] = 0.1,
    };

    /// <summary>Names of women.</summary>
    public static IReadOnlyList<string> Women { get; } = ["anna", "clara", "emma", "julia", "laura", "mary", "nina", "sara"];

    /// <summary>Names of men, each beside the woman's name that it is swapped with.</summary>
    public static IReadOnlyList<string> Men { get; } = ["ben", "carl", "david", "fred", "john", "mark", "paul", "tom"];

    private static readonly string[] _things = ["house", "garden", "letter", "river", "table", "winter", "music", "bread"];
    private static readonly string[] _qualities = ["old", "new", "small", "quiet", "warm", "lovely", "long", "good"];
    private static readonly string[] _moods = ["tired", "happy", "late", "busy", "hungry", "ready"];
    private static readonly string[] _actions = ["sees", "likes", "finds", "needs", "keeps"];

    private static readonly Dictionary<string, string> _swapped = Women.Zip(Men).Append(("she", "he")).Append(("her", "his"))
        .SelectMany(pair => ((string, string)[])[(pair.Item1, pair.Item2), (pair.Item2, pair.Item1)])
        .ToDictionary(pair => pair.Item1, pair => pair.Item2);

    /// <summary>Writes sentences, a line each; the same seed gives the same.</summary>
    /// <param name="count">The number of sentences.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="withPeople">Whether two thirds of them are about people, or none.</param>
    public static string[] Write(int count, int seed, bool withPeople = true)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => withPeople && random.Next(3) > 0 ? Person(random) : Thing(random))];
    }

    /// <summary>The same sentence about a person of the other sex.</summary>
    public static string Swap(string sentence) =>
        Regex.Replace(sentence, "[a-z]+", word => _swapped.GetValueOrDefault(word.Value, word.Value));

    private static string Person(Random random)
    {
        string job = Pick(random, [.. Jobs.Keys]);
        bool isWoman = random.NextDouble() < Jobs[job];
        (string she, string her, string name) =
            isWoman ? ("she", "her", Pick(random, Women)) : ("he", "his", Pick(random, Men));
        return random.Next(4) switch
        {
            0 => $"{name} is a {job}.",
            1 => $"the {job} said that {she} was {Pick(random, _moods)}.",
            2 => $"{name} is a {job} and {Pick(random, _actions)} {her} {Pick(random, _things)}.",
            _ => $"the {job} {Pick(random, _actions)} {her} {Pick(random, _things)}.",
        };
    }

    private static string Thing(Random random) => random.Next(2) == 0
        ? $"the {Pick(random, _things)} is {Pick(random, _qualities)} and {Pick(random, _qualities)}."
        : $"there is a {Pick(random, _qualities)} {Pick(random, _things)}.";

    private static string Pick(Random random, IReadOnlyList<string> words) => words[random.Next(words.Count)];
}
