namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>What <see cref="BatchNormalizationKernel"/> works on.</summary>
internal unsafe struct BatchNormalizationWork
{
    /// <summary>x and y, [batch, channels, pixels].</summary>
    public float* X, Y;

    /// <summary>γ and β, [channels].</summary>
    public float* Gains, Shifts;

    /// <summary>Of each channel the mean and the inverse of the deviation, [channels].</summary>
    public float* Means, Rests;

    /// <summary>The moving averages of mean and variance, [channels].</summary>
    public float* RunningMeans, RunningVariances;

    /// <summary>The gradients of y and of x, [batch, channels, pixels].</summary>
    public float* YGradient, XGradient;

    /// <summary>The gradients of γ and β, [channels].</summary>
    public float* GainGradients, ShiftGradients;

    public int Batch, Channels, Pixels;

    /// <summary>By what normalized values below 0 are multiplied: 1 where no activation follows, 0 for ReLU.</summary>
    public float Slope;

    /// <summary>What the batch counts in the moving averages.</summary>
    public double Momentum;

    public double Epsilon;

    /// <summary>Values of a channel.</summary>
    public readonly long Count => (long)Batch * Pixels;
}
