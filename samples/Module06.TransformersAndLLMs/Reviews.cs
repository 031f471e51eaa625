namespace Module06;

/// <summary>Short reviews from a small grammar, in which "not" turns praise into blame and blame into praise.</summary>
internal static class Reviews
{
    /// <summary>A review.</summary>
    /// <param name="Text">The text.</param>
    /// <param name="Pair">What it says, and of what kind of thing.</param>
    /// <param name="Label">Whether it praises.</param>
    /// <param name="Topic">What it is about, the index of a name in <see cref="Topics"/>.</param>
    public sealed record Review(string Text, string Pair, bool Label, int Topic);

    public static string[] Topics { get; } = ["food", "travel", "theater"];

    private static readonly string[][] _things =
    [
        ["soup", "bread", "cake", "salad", "cheese"],
        ["train", "ferry", "tram", "bus", "plane"],
        ["play", "song", "opera", "dance", "comedy"],
    ];

    private static readonly string[] _praise = ["good", "lovely", "perfect", "great", "fine"];
    private static readonly string[] _blame = ["bad", "awful", "poor", "dull", "nasty"];

    /// <summary>Whether a word is one that praises or blames.</summary>
    public static bool IsJudgment(string word) => _praise.Contains(word) || _blame.Contains(word);

    public static Review[] Make(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            int topic = random.Next(Topics.Length);
            string thing = Pick(_things[topic]);
            bool isPraise = random.Next(2) == 0, isDenied = random.Next(2) == 0;
            string word = Pick(isPraise ? _praise : _blame), not = isDenied ? "not " : "";
            string text = random.Next(2) == 0 ? $"the {thing} was {not}{word}." : $"we found the {thing} {not}{word} today.";
            return new Review(text, $"{not}{word}, for {Topics[topic]}.", isPraise != isDenied, topic);
        })];

        string Pick(string[] words) => words[random.Next(words.Length)];
    }
}
