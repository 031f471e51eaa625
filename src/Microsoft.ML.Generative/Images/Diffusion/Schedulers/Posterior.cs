using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>q(x[s] | x[t], x₀), the distribution of one step of the reverse process (Ho et al. 2020, eq. 6 and 7).</summary>
/// <param name="ImageFactor">The factor of x₀ in the mean.</param>
/// <param name="SampleFactor">The factor of x[t] in the mean.</param>
/// <param name="Variance">β̃.</param>
/// <param name="Beta">β of the step.</param>
internal readonly record struct Posterior(double ImageFactor, double SampleFactor, double Variance, double Beta)
{
    // Logarithms of variances stay finite.
    private const float Smallest = 1e-20f;

    /// <summary>β̃, not below 1e-20.</summary>
    public float SmallVariance => MathF.Max((float)Variance, Smallest);

    /// <summary>β, not below 1e-20.</summary>
    public float LargeVariance => MathF.Max((float)Beta, Smallest);

    /// <param name="alpha">ᾱ[t].</param>
    /// <param name="alphaBefore">ᾱ[s]; where it is 0 too, both are nothing but noise.</param>
    public static Posterior OfStep(float alpha, float alphaBefore) =>
        Of(alphaBefore > 0 ? 1 - alpha / alphaBefore : 1, alpha, alphaBefore);

    /// <param name="beta">β of the step, 1 − ᾱ[t] / ᾱ[s].</param>
    /// <param name="alpha">ᾱ[t].</param>
    /// <param name="alphaBefore">ᾱ[s].</param>
    public static Posterior Of(double beta, double alpha, double alphaBefore)
    {
        double noise = Math.Max(1 - alpha, 1e-20);
        return new Posterior(
            ImageFactor: beta * Math.Sqrt(alphaBefore) / noise,
            SampleFactor: (1 - alphaBefore) * Math.Sqrt(1 - beta) / noise,
            Variance: beta * (1 - alphaBefore) / noise,
            beta);
    }

    /// <summary>The logarithm of a learned variance, between β̃ and β (Nichol, Dhariwal 2021, eq. 15).</summary>
    /// <param name="output">The network's output, −1 for β̃ and 1 for β.</param>
    /// <param name="logLowest">log β̃, of a shape that fits.</param>
    /// <param name="logHighest">log β, of a shape that fits.</param>
    public static Tensor LearnedLogVariance(Tensor output, Tensor logLowest, Tensor logHighest)
    {
        Tensor part = output.Plus(1).Times(0.5);
        return (part * logHighest).Plus(part.Times(-1).Plus(1) * logLowest);
    }
}
