using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>
/// A sampler that counts noise by its standard deviation σ beside an image of full size (Karras et al. 2022): the predictor gets the sample scaled down, which
/// <see cref="NoiseScheduler.ScaleModelInput"/> does.
/// </summary>
public abstract class SigmaNoiseScheduler : NoiseScheduler
{
    // diffusers' value where nothing of the image would be left: the smallest number of half precision.
    private const float LowestAlpha = 1f / (1 << 24);

    private readonly NoiseSchedulerOptions _options;
    private int? _index;

    private protected SigmaNoiseScheduler(NoiseSchedulerOptions options)
        : base(options)
    {
        _options = options;
        if (options.Schedule.RescaleBetasZeroSnr)
            AlphasCumulative[^1] = LowestAlpha;
        Table = new SigmaTable(AlphasCumulative);
        Sigmas = [.. Table.All.Reverse().Select(s => (float)s), 0];
    }

    /// <inheritdoc/>
    public override double InitialNoiseSigma
    {
        get
        {
            float highest = Sigmas.Max();
            return _options.TimestepSpacing == TimestepSpacing.Leading ? MathF.Sqrt(highest * highest + 1) : highest;
        }
    }

    /// <inheritdoc/>
    public override Tensor ScaleModelInput(Tensor sample, double timestep)
    {
        float sigma = Sigmas[Index(timestep)];
        return sample.Over(MathF.Sqrt(sigma * sigma + 1));
    }

    /// <inheritdoc/>
    public override Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps) =>
        original.Plus(noise * Column([.. Values(timesteps).Select(t => Sigmas[IndexOf(t)])], original));

    private protected SigmaTable Table { get; }

    /// <summary>σ at each step, and 0 or the lowest at the end.</summary>
    private protected float[] Sigmas { get; set; }

    /// <summary>The step's number; the first timestep that is asked for says where the loop begins.</summary>
    private protected int Index(double timestep)
    {
        int index = _index ??= IndexOf(timestep);
        return index < Sigmas.Length - 1 ? index : throw new InvalidOperationException($"All {Timesteps.Count} timesteps have been taken: call {nameof(SetTimesteps)} to begin again.");
    }

    private protected void CountStep() => _index++;

    /// <summary>x0, from what the predictor says of the scaled sample.</summary>
    private protected Tensor ImageAt(Tensor sample, Tensor output, float sigma) => PredictionType switch
    {
        PredictionType.Sample => output,
        PredictionType.Velocity => output.Times(-sigma / MathF.Sqrt(sigma * sigma + 1)).Plus(sample.Over(sigma * sigma + 1)),
        _ => sample.Plus(output, -sigma),
    };

    /// <summary>Timesteps, even ones or those of the options' own σ, and σ at each.</summary>
    private protected (double[] Timesteps, double[] Sigmas) Space(double[] timesteps, SigmaSchedulerOptions options, double? lowest = null, double? highest = null)
    {
        double[] sigmas = [.. timesteps.Select(Table.At)];
        if (!options.HasOwnSigmas)
            return (timesteps, sigmas);
        (double first, double last) = (highest ?? sigmas[0], lowest ?? sigmas[^1]);
        sigmas = options.UseKarrasSigmas ? SigmaTable.Karras(first, last, timesteps.Length) : SigmaTable.Exponential(first, last, timesteps.Length);
        return ([.. sigmas.Select(s => (double)(float)Table.TimestepOf(s))], sigmas);
    }

    private protected override void Forget() => _index = null;
}
