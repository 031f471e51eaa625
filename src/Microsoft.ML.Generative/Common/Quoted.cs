namespace Microsoft.ML.Generative.Common;

/// <summary>Texts of files in messages: in quotation marks, and not at any length.</summary>
internal static class Quoted
{
    private const int Longest = 100;

    public static string Text(ReadOnlySpan<char> text) => text.Length <= Longest ? $"\"{text}\"" : $"\"{text[..Longest]}…\"";
}
