using System.Text.Json;
using System.Text.RegularExpressions;

namespace Module09;

/// <summary>Conversations from a small grammar, in which people are sometimes rude, as on a forum.</summary>
internal static class Talk
{
    /// <summary>A sentence and whether it is rude.</summary>
    public sealed class Sentence
    {
        public string Text { get; init; } = "";

        public bool Label { get; init; }
    }

    /// <summary>A question and its answer, and both as a conversation in JSON.</summary>
    public sealed class Conversation
    {
        public string Question { get; init; } = "";

        public string Answer { get; init; } = "";

        public string Messages => JsonSerializer.Serialize(new object[]
        {
            new { role = "user", content = Question }, new { role = "assistant", content = Answer },
        });
    }

    private static readonly string[] _topics =
        ["bread", "my garden", "the station", "this song", "the weather", "my letter", "a good book"];
    private static readonly string[] _insults = ["fool", "idiot", "donkey", "clown", "rat", "liar"];
    private static readonly string[] _adjectives = ["stupid", "lazy", "silly", "ugly"];

    // Words that the filter's examples lack, to see what it makes of others.
    private static readonly string[] _unseenInsults = ["moron", "dunce"];

    /// <summary>A question, now and then a rude one.</summary>
    public static string Question(Random random) => random.Next(10) == 0 ? Rude(random, unseen: true) : KindQuestion(random);

    /// <summary>Conversations of a question and an answer of one or two sentences; in a third of them somebody is rude.</summary>
    public static Conversation[] Conversations(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            string answer = random.Next(3) == 0 ? Rude(random, unseen: true) : Kind(random);
            if (random.Next(2) == 0)
                answer = $"{Kind(random)} {answer}";
            return new Conversation { Question = Question(random), Answer = answer };
        })];
    }

    /// <summary>Sentences with labels, rude and kind in turn: the examples of a filter, without some of the insults.</summary>
    public static Sentence[] Labeled(int count, int seed, bool unseen)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => i % 2 == 0
            ? new Sentence { Text = Rude(random, unseen), Label = true }
            : new Sentence { Text = (i % 6) switch { 1 => Kind(random), 3 => Harmless(random), _ => KindQuestion(random) } })];
    }

    /// <summary>Whether a text has an insult in it.</summary>
    public static bool IsRude(string text) => Regex.IsMatch(text, $@"\b({string.Join('|', _insults.Concat(_unseenInsults))})\b");

    private static string KindQuestion(Random random) => Pick(random, [
        $"what do you think of {Pick(random, _topics)}?", $"can you tell me about {Pick(random, _topics)}?",
        $"do you like {Pick(random, _topics)}?", $"where can i find {Pick(random, _topics)}?"]);

    private static string Rude(Random random, bool unseen)
    {
        string insult = Pick(random, unseen ? [.. _insults, .. _unseenInsults] : _insults), adjective = Pick(random, _adjectives);
        return Pick(random, [
            $"you are a {insult}.", $"go away, you {adjective} {insult}.", $"only a {adjective} {insult} would ask that.",
            $"what a {insult} you are!", $"leave {Pick(random, _topics)} alone, {insult}."]);
    }

    private static string Kind(Random random) => Pick(random, [
        $"i know a lot about {Pick(random, _topics)}.", $"what a lovely question, my friend!", $"you are very kind.",
        $"i like {Pick(random, _topics)}, and {Pick(random, _topics)}.", $"only a good friend would ask that.",
        $"leave it to me, i will look for {Pick(random, _topics)}."]);

    // About what is silly or ugly, and rude to nobody.
    private static string Harmless(Random random) => Pick(random, [
        $"{Pick(random, _topics)} is not {Pick(random, _adjectives)}.", $"that was a {Pick(random, _adjectives)} day.",
        $"i had a {Pick(random, _adjectives)} idea about {Pick(random, _topics)}."]);

    private static string Pick(Random random, string[] words) => words[random.Next(words.Length)];
}
