using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>Times as vectors.</summary>
internal static class Sinusoids
{
    private const double MaxPeriod = 10_000;

    /// <summary>
    /// Sines and cosines of geometrically falling frequencies (Vaswani et al. 2017, section 3.5): [batch] to [batch, size].
    /// </summary>
    /// <param name="time">Times, in the unit of timesteps.</param>
    /// <param name="size">Values; an odd one ends with 0.</param>
    /// <param name="flipSinToCos">Whether cosines come first.</param>
    /// <param name="frequencyShift">1: the lowest frequency is 1 / 10,000 exactly; 0: it would be that of one more.</param>
    public static Tensor Of(Tensor time, long size, bool flipSinToCos = true, double frequencyShift = 0)
    {
        long half = size / 2;
        Tensor frequencies = TensorFactory.Range(half, ScalarType.Float32, time.device)
            .Times(-Math.Log(MaxPeriod)).Over(half - frequencyShift).exp();
        Tensor angles = time.to(ScalarType.Float32).unsqueeze(1) * frequencies.unsqueeze(0); // [batch, half]
        Tensor values = flipSinToCos ? cat([angles.cos(), angles.sin()], 1) : cat([angles.sin(), angles.cos()], 1);
        return size % 2 == 0 ? values : F.pad(values, [0L, 1]);
    }
}
