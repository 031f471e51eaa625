namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>What <see cref="GroupNormalizationKernel"/> works on.</summary>
internal unsafe struct GroupNormalizationWork
{
    /// <summary>x and y, [batch, channels, pixels]; of x the first channels, where others are beside it.</summary>
    public float* X, Y;

    /// <summary>The further channels of x, [batch, channels − first channels, pixels], or null.</summary>
    public float* Beside;

    /// <summary>a, [batch, channels], or null.</summary>
    public float* Added;

    /// <summary>γ and β, [channels] or [batch, channels].</summary>
    public float* Gains, Shifts;

    /// <summary>Of each group the mean and the inverse of the deviation, [batch, groups].</summary>
    public float* Means, Rests;

    /// <summary>The gradients of y and of x, [batch, channels, pixels].</summary>
    public float* YGradient, XGradient;

    /// <summary>The gradient of the further channels, or null.</summary>
    public float* BesideGradient;

    /// <summary>The gradients of γ and β, of each image, [batch, channels].</summary>
    public float* GainGradients, ShiftGradients;

    /// <summary>The gradient of a, [batch, channels], or null.</summary>
    public float* AddedGradients;

    public int Batch, Channels, Groups, Pixels;

    /// <summary>The channels that are in <see cref="X"/>.</summary>
    public int FirstChannels;

    /// <summary>Whether γ and β are numbers of an image's channel.</summary>
    public bool HasParametersByImage;

    public bool HasSilu;

    public double Epsilon;

    /// <summary>Values of a group.</summary>
    public readonly int GroupSize => Channels / Groups * Pixels;
}
