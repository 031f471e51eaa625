namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>How the masked tokens of a text count.</summary>
/// <param name="Values">How many values the text adds to those that the loss is the mean of.</param>
/// <param name="Weight">What the loss of each masked token is multiplied by.</param>
internal readonly record struct MaskedText(int Values, double Weight);
