namespace Microsoft.ML.Generative;

/// <summary>Parameters of <see cref="LanguageModelArchitecture.RotaryScaling"/>.</summary>
/// <param name="Kind">The formula.</param>
/// <param name="Factor">What frequencies are divided by, at least 1.</param>
/// <param name="LowFrequencyFactor">
/// Llama 3: waves longer than <paramref name="OriginalContextLength"/> divided by this are fully stretched.
/// </param>
/// <param name="HighFrequencyFactor">Llama 3: waves shorter than <paramref name="OriginalContextLength"/> divided by this stay.</param>
/// <param name="OriginalContextLength">Llama 3: tokens that the model was first trained on.</param>
public sealed record RotaryScaling(
    RotaryScalingKind Kind, double Factor, double LowFrequencyFactor = 1, double HighFrequencyFactor = 4, int OriginalContextLength = 8192);
