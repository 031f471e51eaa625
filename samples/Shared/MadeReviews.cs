namespace Samples.Shared;

/// <summary>Endless short reviews from a small grammar, good ones and bad ones: texts that a reward can push in a direction.</summary>
public static class MadeReviews
{
    private static readonly string[] _things = ["film", "play", "story", "music", "acting", "ending", "plot", "dialogue"];
    private static readonly string[] _good = ["good", "great", "wonderful", "charming", "brilliant", "funny", "lovely"];
    private static readonly string[] _plain = ["long", "short", "old", "new", "loud", "quiet", "simple"];
    private static readonly string[] _bad = ["bad", "boring", "awful", "stupid", "sad", "terrible", "poor"];
    private static readonly string[] _degrees = ["", "very ", "rather ", "quite "];
    private static readonly (string Verb, int Kind)[] _verbs =
        [("loved", 2), ("enjoyed", 2), ("saw", 1), ("remember", 1), ("hated", 0), ("disliked", 0)];

    /// <summary>Positive and negative words with their valence, −5 to 5, as the lexicon AFINN has them.</summary>
    public static IReadOnlyDictionary<string, int> Valences { get; } = new Dictionary<string, int>
    {
        ["good"] = 3,
        ["great"] = 3,
        ["wonderful"] = 4,
        ["charming"] = 3,
        ["brilliant"] = 4,
        ["funny"] = 4,
        ["lovely"] = 3,
        ["loved"] = 3,
        ["enjoyed"] = 2,
        ["bad"] = -3,
        ["boring"] = -3,
        ["awful"] = -3,
        ["stupid"] = -2,
        ["sad"] = -2,
        ["terrible"] = -3,
        ["poor"] = -2,
        ["hated"] = -3,
        ["disliked"] = -2,
    };

    /// <summary>Writes reviews of one or two sentences; the same seed gives the same.</summary>
    /// <param name="count">The number of reviews.</param>
    /// <param name="seed">The seed.</param>
    public static IReadOnlyList<string> Write(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(2) == 0
            ? Sentence(random)
            : $"{Sentence(random)} {Sentence(random)}")];
    }

    /// <summary>The sum of the valences of a text's words.</summary>
    /// <param name="text">The text.</param>
    /// <param name="valences">The lexicon. Default: <see cref="Valences"/>.</param>
    public static int Valence(string text, IReadOnlyDictionary<string, int>? valences = null) =>
        TextData.Words(text).Sum(word => (valences ?? Valences).GetValueOrDefault(word));

    // Bad reviews are the most frequent.
    private static string Sentence(Random random)
    {
        int kind = random.Next(10) switch { < 4 => 0, < 7 => 1, _ => 2 };
        string thing = Pick(random, _things);
        if (random.Next(3) == 0)
            return $"i {Pick(random, [.. _verbs.Where(verb => verb.Kind == kind).Select(verb => verb.Verb)])} the {thing}.";
        string[] words = kind switch { 0 => _bad, 1 => _plain, _ => _good };
        string second = random.Next(3) == 0 ? $" and {Pick(random, words)}" : "";
        return $"the {thing} was {Pick(random, _degrees)}{Pick(random, words)}{second}.";
    }

    private static string Pick(Random random, string[] words) => words[random.Next(words.Length)];
}
