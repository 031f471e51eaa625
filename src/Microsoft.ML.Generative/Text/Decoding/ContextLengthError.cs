namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Marks the errors of prompts that, with the text after them, outgrow what the model sees at once.</summary>
internal static class ContextLengthError
{
    private const string Mark = "ContextLength";

    public static ArgumentException Create(string message) => new(message) { Data = { [Mark] = true } };

    public static bool Is(Exception error) => error.Data.Contains(Mark);
}
