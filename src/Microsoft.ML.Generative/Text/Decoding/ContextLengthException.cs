namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>A prompt and the text after it outgrow what the model sees at once.</summary>
internal sealed class ContextLengthException(string message) : ArgumentException(message);
