using Microsoft.ML.Generative.Text.Tokenization.Formats;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>
/// Limits on what a tokenizer.json may make of a text: a file from an untrusted source could double the text with each step.
/// </summary>
internal static class TextGrowth
{
    /// <summary>Steps of one part; those in use have fewer than ten.</summary>
    public const int MaxSteps = 64;

    /// <summary>Characters that one step puts somewhere.</summary>
    public const int MaxContent = 256;

    // One character becomes at most 18 in Unicode's normal forms.
    private const int MaxFactor = 32;
    private const int MaxAdded = 1000;

    /// <exception cref="InvalidOperationException">The text has become too long.</exception>
    public static string Check(string changed, int originalLength) =>
        changed.Length <= (long)MaxFactor * originalLength + MaxAdded
            ? changed
            : throw new InvalidOperationException(
                $"The tokenizer makes {changed.Length} characters of {originalLength}; at most {MaxFactor} times as many and {MaxAdded} "
                + "are allowed.");

    /// <exception cref="InvalidDataException">It is too long.</exception>
    public static string Content(JsonMembers members, string name)
    {
        string content = members.String(name);
        return content.Length <= MaxContent
            ? content
            : throw members.Bad($"has {content.Length} characters for '{name}'; at most {MaxContent} are allowed");
    }

    /// <exception cref="InvalidDataException">There are too many.</exception>
    public static void CheckSteps(JsonMembers members, int count)
    {
        if (count > MaxSteps)
            throw members.Bad($"has more than {MaxSteps} steps");
    }
}
