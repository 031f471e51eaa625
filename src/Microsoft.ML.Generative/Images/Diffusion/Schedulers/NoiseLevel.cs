using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>The factors of image and noise in a sample, x = α x₀ + σ ε.</summary>
/// <param name="Signal">α.</param>
/// <param name="Noise">σ.</param>
internal readonly record struct NoiseLevel(float Signal, float Noise)
{
    /// <summary>Half of the logarithm of the signal-to-noise ratio, λ = log(α / σ) (Lu et al. 2022); infinite without noise.</summary>
    public float Lambda => MathF.Log(Signal) - MathF.Log(Noise);

    /// <summary>The level of variance 1 with ᾱ = α² (Ho et al. 2020, eq. 4).</summary>
    public static NoiseLevel OfAlphaCumulative(float alpha) => new(MathF.Sqrt(alpha), MathF.Sqrt(1 - alpha));

    /// <summary>The level of variance 1 with the noise's standard deviation beside an image of full size, σ / α.</summary>
    public static NoiseLevel OfSigma(float sigma)
    {
        float signal = 1 / MathF.Sqrt(sigma * sigma + 1);
        return new NoiseLevel(signal, sigma * signal);
    }

    /// <summary>The factors as scalar tensors.</summary>
    public NoiseFactors On(Device device) => new(tensor(Signal, device: device), tensor(Noise, device: device));
}
