namespace Microsoft.ML.Generative;

/// <summary>A token that may come next, and how probable it is.</summary>
/// <param name="Id">The token's number in the vocabulary.</param>
/// <param name="Text">The text that it adds to the prompt; empty for special tokens, U+FFFD where it is but a part of a character.</param>
/// <param name="Probability">Its probability, 0 to 1.</param>
public readonly record struct TokenProbability(int Id, string Text, double Probability);
