namespace Microsoft.ML.Generative;

/// <summary>The non-linearity between the two layers of a feed-forward block.</summary>
public enum FeedForwardKind
{
    /// <summary>x Φ(x) (Hendrycks, Gimpel 2016).</summary>
    Gelu,

    /// <summary>The same, approximated by a hyperbolic tangent, as GPT-2 has it.</summary>
    GeluTanh,

    /// <summary>A second layer gates the first: silu(gate) · up (Shazeer 2020).</summary>
    SwiGlu,

    /// <summary>max(x, 0) (Nair, Hinton 2010).</summary>
    Relu,

    /// <summary>As <see cref="SwiGlu"/>, with <see cref="Gelu"/> of the gate.</summary>
    GeGlu,

    /// <summary>As <see cref="SwiGlu"/>, with <see cref="GeluTanh"/> of the gate.</summary>
    GeGluTanh,
}
