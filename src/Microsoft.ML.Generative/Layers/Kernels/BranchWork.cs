using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Layers.Kernels;

/// <summary>What <see cref="BranchKernel"/> works on: y = x + W₂ f(W₁ norm(x) + b₁) + b₂.</summary>
internal unsafe struct BranchWork
{
    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Values of a row of x and y.</summary>
    public int Width;

    /// <summary>Outputs of the first layer.</summary>
    public int Projected;

    /// <summary>Inputs of the second layer.</summary>
    public int Hidden;

    /// <summary>What f is, a row at a time; <see langword="null"/>: it is computed elsewhere.</summary>
    public FeedForwardKind? Activation;

    /// <summary>The normalization.</summary>
    public NormalizationKernel Norm;

    /// <summary>W₁ᵀ, [width, projected], and W₂ᵀ, [hidden, width]; on the way back the matrices themselves.</summary>
    public PackedMatrix First, Second;

    /// <summary>b₁ and b₂, or null.</summary>
    public float* FirstBias, SecondBias;

    /// <summary>x, [rows, width].</summary>
    public float* Input;

    /// <summary>W₁ norm(x) + b₁, [rows, projected].</summary>
    public float* Projection;

    /// <summary>f of it, [rows, hidden].</summary>
    public float* Values;

    /// <summary>y, [rows, width].</summary>
    public float* Output;

    /// <summary>The gradients of y and x, [rows, width].</summary>
    public float* OutputGradient, InputGradient;

    /// <summary>The gradient of <see cref="Projection"/>, [rows, projected].</summary>
    public float* ProjectionGradient;

    /// <summary>The gradient of <see cref="Values"/>, [rows, hidden], where f is computed elsewhere.</summary>
    public float* ValueGradient;

    /// <summary>norm(x), [rows, width], which the gradient of W₁ needs.</summary>
    public float* Normalized;

    /// <summary>What blocks of rows add to the gradients of the normalization's gain and bias, or null: [blocks, width].</summary>
    public float* GainGradients, BiasGradients;
}
