using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>The steps of a sampler by the noise's standard deviation σ beside an image of full size (Karras et al. 2022).</summary>
internal sealed class SigmaSteps
{
    // diffusers' value where nothing of the image would be left: the smallest number of half precision.
    private const float LowestAlpha = 1f / (1 << 24);

    /// <summary>Below it, ᾱ counts as 0: the square of its σ would be no number in Float32.</summary>
    public const float NoAlpha = 1e-20f;

    private float[] _sigmas;

    /// <param name="alphasCumulative">ᾱ by timestep.</param>
    public SigmaSteps(IReadOnlyList<float> alphasCumulative)
    {
        // diffusers raises the last alone; those before it would then have more noise, and steps go back.
        bool endsWithNoise = alphasCumulative[^1] < NoAlpha;
        float[] alphas = [.. alphasCumulative.Select(alpha => endsWithNoise ? MathF.Max(alpha, LowestAlpha) : alpha)];
        AlphasCumulative = alphas;
        Table = new SigmaTable(alphas);
        _sigmas = [.. Table.All.Reverse().Select(s => (float)s), 0];
    }

    /// <summary>ᾱ by timestep, nowhere 0.</summary>
    public IReadOnlyList<float> AlphasCumulative { get; }

    /// <summary>σ by timestep.</summary>
    public SigmaTable Table { get; }

    /// <summary>The number of steps.</summary>
    public int Count => _sigmas.Length - 1;

    /// <summary>σ at the beginning of a step; at its end, that of the next.</summary>
    public float this[int step] => _sigmas[step];

    /// <summary>The standard deviation of the noise to begin with.</summary>
    public double InitialNoise(TimestepSpacing spacing)
    {
        float highest = _sigmas.Max();
        return spacing == TimestepSpacing.Leading ? MathF.Sqrt(highest * highest + 1) : highest;
    }

    /// <summary>A sample with an image of full size, scaled to variance 1.</summary>
    public Tensor Scale(Tensor sample, int step)
    {
        float sigma = _sigmas[step];
        return sample.Over(MathF.Sqrt(sigma * sigma + 1));
    }

    /// <summary>Sets σ of all steps, and that at the end of the last.</summary>
    public void Set(IEnumerable<double> sigmas, double last) => _sigmas = [.. sigmas.Select(s => (float)s), (float)last];

    /// <summary>Even timesteps with their σ, or σ that the options space by the noise itself with their timesteps.</summary>
    /// <param name="even">Even timesteps.</param>
    /// <param name="options">Options.</param>
    /// <param name="highest">The first σ of spacing by the noise; the default is that of the first timestep.</param>
    /// <param name="lowest">The last σ of spacing by the noise; the default is that of the last timestep.</param>
    /// <param name="round">Rounds a timestep that follows from σ.</param>
    public (double[] Timesteps, double[] Sigmas) Space(
        double[] even, SigmaSchedulerOptions options, double? highest, double? lowest, Func<double, double> round)
    {
        double[] sigmas = [.. even.Select(Table.At)];
        if (!options.HasOwnSigmas)
            return (even, sigmas);
        (double first, double last) = (highest ?? sigmas[0], lowest ?? sigmas[^1]);
        sigmas = options.UseKarrasSigmas ? SigmaTable.Karras(first, last, even.Length) : SigmaTable.Exponential(first, last, even.Length);
        return ([.. sigmas.Select(s => round(Table.TimestepOf(s)))], sigmas);
    }
}
