namespace Microsoft.ML.Generative;

/// <summary>How rotary frequencies are stretched to contexts longer than those first trained on.</summary>
public enum RotaryScalingKind
{
    /// <summary>All frequencies are divided by the factor (Chen et al. 2023).</summary>
    Linear,

    /// <summary>Low frequencies are divided by the factor, high ones stay, those between are interpolated, as in Llama 3.1.</summary>
    Llama3,
}
