using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>
/// A solver that computes the linear part of the probability flow exactly and the rest by what the predictor has said in earlier steps, in the half of the logarithm
/// of the signal-to-noise ratio, λ = log(α / σ) (Lu et al. 2022).
/// </summary>
public abstract class MultistepNoiseScheduler : NoiseScheduler
{
    // diffusers' value where nothing of the image would be left: the smallest number of half precision.
    private const float LowestAlpha = 1f / (1 << 24);

    private readonly MultistepSchedulerOptions _options;
    private readonly List<SolverOutput> _outputs = [];
    private float[] _sigmas;
    private int? _index;

    private protected MultistepNoiseScheduler(MultistepSchedulerOptions options)
        : base(options)
    {
        _options = options;
        if (options.Schedule.RescaleBetasZeroSnr)
            AlphasCumulative[^1] = LowestAlpha;
        Table = new SigmaTable(AlphasCumulative);
        _sigmas = [.. Table.All.Reverse().Select(s => (float)s), 0];
    }

    /// <inheritdoc/>
    public override Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps)
    {
        SolverPoint[] points = [.. Values(timesteps).Select(t => PointAt(IndexOf(t)))];
        return (Column([.. points.Select(p => p.Alpha)], original) * original).Plus(Column([.. points.Select(p => p.Sigma)], original) * noise);
    }

    private protected SigmaTable Table { get; }

    /// <summary>What the predictor has said, converted: the newest last.</summary>
    private protected IReadOnlyList<SolverOutput> Outputs => _outputs;

    /// <summary>Steps that have been taken since the timesteps were set, as far as the order counts them.</summary>
    private protected int Warmup { get; private set; }

    private protected int Index(double timestep)
    {
        int index = _index ??= IndexOf(timestep);
        return index < _sigmas.Length - 1 ? index : throw new InvalidOperationException($"All {Timesteps.Count} timesteps have been taken: call {nameof(SetTimesteps)} to begin again.");
    }

    private protected SolverPoint PointAt(int index) => SolverPoint.Of(_sigmas[index]);

    private protected void Push(Tensor output, SolverPoint point)
    {
        _outputs.Add(new SolverOutput(Remember(output), point.Lambda));
        if (_outputs.Count <= _options.SolverOrder)
            return;
        _outputs[0].Values.Dispose();
        _outputs.RemoveAt(0);
    }

    private protected void CountStep()
    {
        _index++;
        Warmup = Math.Min(Warmup + 1, _options.SolverOrder);
    }

    /// <summary>Goes past a timestep that rounding has made the same as the next: there is nothing to integrate.</summary>
    private protected SchedulerStep StandStill(Tensor sample, Tensor image)
    {
        _index++;
        return new SchedulerStep(sample.alias(), image);
    }

    private protected Tensor Threshold(Tensor image) =>
        _options.Thresholding ? SampleThreshold.Dynamic(image, _options.DynamicThresholdingRatio, _options.SampleMaxValue) : image;

    /// <summary>Sets σ for even timesteps or for those of the options' own, and gives the timesteps.</summary>
    /// <param name="even">Even timesteps.</param>
    /// <param name="ownTimestep">How a timestep that follows from σ is rounded.</param>
    private protected double[] Space(double[] even, Func<double, double> ownTimestep)
    {
        double[] sigmas = _options.UseKarrasSigmas ? SigmaTable.Karras(Table.Highest, Table.Lowest, even.Length)
            : _options.UseExponentialSigmas ? SigmaTable.Exponential(Table.Highest, Table.Lowest, even.Length)
            : [.. even.Select(Table.At)];
        return Space(even, sigmas, _options.HasOwnSigmas ? ownTimestep : null);
    }

    private protected double[] Space(double[] even, double[] sigmas, Func<double, double>? ownTimestep)
    {
        _sigmas = [.. sigmas.Select(s => (float)s), _options.FinalSigmasType == FinalSigmasType.Zero ? 0 : (float)Table.Lowest];
        return ownTimestep is null ? even : [.. sigmas.Select(s => ownTimestep(Table.TimestepOf(s)))];
    }

    private protected override void Forget()
    {
        foreach (SolverOutput output in _outputs)
            output.Values.Dispose();
        _outputs.Clear();
        (_index, Warmup) = (null, 0);
    }
}
