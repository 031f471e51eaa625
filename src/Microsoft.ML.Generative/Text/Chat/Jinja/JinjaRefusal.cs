namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A template's own refusal, by <c>raise_exception</c>.</summary>
internal sealed class JinjaRefusal(string message) : Exception(message);
