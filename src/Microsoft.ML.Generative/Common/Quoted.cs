namespace Microsoft.ML.Generative.Common;

/// <summary>Shortens what files say in messages: names and texts to their beginning, messages to their beginning and their end.</summary>
internal static class Quoted
{
    private const int Longest = 100;
    private const int LongestMessage = 1_000;

    public static string Text(ReadOnlySpan<char> text) => text.Length <= Longest ? $"'{text}'" : $"'{text[..Longest]}…'";

    /// <summary>
    /// The message of an exception of a reader or a setter, which may name a member or a value of a file, however long that is. The end of
    /// the message says where that is.
    /// </summary>
    public static string Message(Exception e) => e.Message.Length <= LongestMessage
        ? e.Message
        : $"{e.Message[..(LongestMessage - Longest)]}…{e.Message[^Longest..]}";
}
