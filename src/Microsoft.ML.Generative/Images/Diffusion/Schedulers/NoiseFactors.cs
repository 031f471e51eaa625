using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>
/// The factors of image and noise in samples x = α x₀ + σ ε, and the conversions between samples, images, noise and what a network
/// predicts (Salimans, Ho 2022, section 4).
/// </summary>
/// <param name="Signal">α: a scalar, or [batch, 1, ..].</param>
/// <param name="Noise">σ: a scalar, or [batch, 1, ..].</param>
internal readonly record struct NoiseFactors(Tensor Signal, Tensor Noise)
{
    /// <summary>x, from x₀ and ε.</summary>
    public Tensor Sample(Tensor image, Tensor noise) => (Signal * image).Plus(Noise * noise);

    /// <summary>v = α ε − σ x₀.</summary>
    public Tensor Velocity(Tensor image, Tensor noise) => Signal * noise - Noise * image;

    /// <summary>x₀, from x and a prediction.</summary>
    public Tensor Image(Tensor sample, Tensor output, PredictionType prediction) => prediction switch
    {
        PredictionType.Sample => output,
        PredictionType.Velocity => Signal * sample - Noise * output,
        _ => (sample - Noise * output) / Signal,
    };

    /// <summary>ε, from x and a prediction.</summary>
    public Tensor Epsilon(Tensor sample, Tensor output, PredictionType prediction) => prediction switch
    {
        PredictionType.Sample => (sample - Signal * output) / Noise,
        PredictionType.Velocity => (Noise * sample).Plus(Signal * output),
        _ => output,
    };
}
