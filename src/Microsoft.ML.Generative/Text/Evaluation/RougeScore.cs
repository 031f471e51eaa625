namespace Microsoft.ML.Generative.Evaluation;

/// <summary>What a text shares with a reference (Lin 2004), each 0 to 1.</summary>
/// <param name="Precision">The part of the text that is shared.</param>
/// <param name="Recall">The part of the reference that is shared.</param>
/// <param name="F1">The harmonic mean of the two.</param>
public readonly record struct RougeScore(double Precision, double Recall, double F1);
