using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>Bounds for predicted images.</summary>
internal static class SampleThreshold
{
    /// <summary>
    /// Dynamic thresholding (Saharia et al. 2022, section 2.3): values beyond a quantile of the image's own are clipped, and the image is
    /// scaled to −1..1.
    /// </summary>
    public static Tensor Dynamic(Tensor sample, double ratio, double highest)
    {
        Tensor flat = sample.flatten(1);
        if (flat.dtype is not (ScalarType.Float32 or ScalarType.Float64))
            flat = flat.to(ScalarType.Float32);
        Tensor limit = flat.abs().quantile(tensor(ratio, flat.dtype, flat.device), 1).Within(Math.Min(1, highest), highest).view(-1, 1);
        return (flat.maximum(-limit).minimum(limit) / limit).view(sample.shape).to(sample.dtype);
    }

    public static Tensor Clip(Tensor sample, double range) => sample.Within(-range, range);
}
