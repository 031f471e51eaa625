namespace Microsoft.ML.Generative.Common;

/// <summary>Quotes names and texts of files in messages, shortened to their beginning.</summary>
internal static class Quoted
{
    private const int Longest = 100;

    public static string Text(ReadOnlySpan<char> text) => text.Length <= Longest ? $"'{text}'" : $"'{text[..Longest]}…'";
}
