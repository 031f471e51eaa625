namespace Microsoft.ML.Generative;

/// <summary>What a masked language model puts in the place of a mask.</summary>
/// <param name="Text">The token's text.</param>
/// <param name="Probability">Its probability.</param>
/// <param name="Filled">The whole text with it.</param>
public sealed record TokenPrediction(string Text, float Probability, string Filled);
