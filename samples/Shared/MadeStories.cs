using System.Text;

namespace Samples.Shared;

/// <summary>Short stories from a small grammar: training data where there is no file.</summary>
public static class MadeStories
{
    private static readonly string[] _girls = ["Lily", "Mia", "Anna", "Sue"];
    private static readonly string[] _boys = ["Tom", "Ben", "Max", "Sam"];
    private static readonly string[] _toys = ["red ball", "big kite", "toy car", "little boat", "blue hat", "soft bear"];
    private static readonly string[] _places = ["park", "garden", "beach", "forest", "house", "river"];
    private static readonly string[] _animals = ["dog", "cat", "bird", "frog", "rabbit"];
    private static readonly string[] _feelings = ["happy", "sad", "tired", "proud", "scared"];

    /// <summary>Stories, each followed by an empty line, of about the given length; the same seed gives the same stories.</summary>
    public static string Write(int characters, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        while (text.Length < characters)
            text.Append(Story(random)).Append("\n\n");
        return text.ToString();
    }

    private static string Story(Random random)
    {
        bool isGirl = random.Next(2) == 0;
        var (child, name, he, his) = isGirl ? ("girl", Pick(random, _girls), "She", "her") : ("boy", Pick(random, _boys), "He", "his");
        string toy = Pick(random, _toys), place = Pick(random, _places), animal = Pick(random, _animals);
        var story = new StringBuilder($"Once upon a time, there was a little {child} named {name}. ");
        story.Append(random.Next(2) == 0 ? $"{he} loved {his} {toy}. " : $"{he} had a {animal} and a {toy}. ");
        story.Append($"One day, {name} went to the {place} with {his} {Pick(random, ["mom", "dad", animal, "friend"])}. ");
        story.Append(random.Next(3) switch
        {
            0 => $"{he} played with the {toy} all day. ",
            1 => $"{he} saw a {animal} in the {place}. The {animal} was very {Pick(random, _feelings)}. ",
            _ => $"But the {toy} was not there. {name} was very {Pick(random, _feelings)}. ",
        });
        return story.Append($"At the end of the day, {name} was {Pick(random, _feelings)}.").ToString();
    }

    private static string Pick(Random random, string[] words) => words[random.Next(words.Length)];
}
