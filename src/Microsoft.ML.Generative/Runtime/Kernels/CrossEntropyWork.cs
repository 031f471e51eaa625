namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>What <see cref="CrossEntropyKernel"/> works on.</summary>
internal unsafe struct CrossEntropyWork
{
    /// <summary>[rows, classes].</summary>
    public float* Logits;

    /// <summary>[rows]; each is a class or <see cref="NoTarget"/>.</summary>
    public long* Targets;

    /// <summary>The losses, [rows].</summary>
    public float* Losses;

    /// <summary>The largest logits, and the logarithms of the sums of exponentials of what logits are below them, [rows].</summary>
    public float* Maxima, LogSums;

    /// <summary>The gradient of the losses, [rows].</summary>
    public float* LossGradients;

    /// <summary>The gradient of the logits, [rows, classes].</summary>
    public float* LogitGradients;

    public long Rows, NoTarget;

    public int Classes;
}
