using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>What <see cref="DpmSolverMultistepScheduler"/> integrates.</summary>
public enum DpmAlgorithmType
{
    /// <summary>The noise (Lu et al. 2022, DPM-Solver); needs <see cref="FinalSigmasType.SigmaMin"/>.</summary>
    [JsonStringEnumMemberName("dpmsolver")]
    DpmSolver,

    /// <summary>The image (Lu et al. 2022, DPM-Solver++): stays stable with guidance.</summary>
    [JsonStringEnumMemberName("dpmsolver++")]
    DpmSolverPlusPlus,

    /// <summary>The noise, with new noise in each step; needs <see cref="FinalSigmasType.SigmaMin"/>.</summary>
    [JsonStringEnumMemberName("sde-dpmsolver")]
    SdeDpmSolver,

    /// <summary>The image, with new noise in each step.</summary>
    [JsonStringEnumMemberName("sde-dpmsolver++")]
    SdeDpmSolverPlusPlus,
}

/// <summary>How a step of order 2 looks ahead.</summary>
public enum DpmSolverType
{
    /// <summary>To the middle.</summary>
    [JsonStringEnumMemberName("midpoint")]
    Midpoint,

    /// <summary>To the end.</summary>
    [JsonStringEnumMemberName("heun")]
    Heun,
}

/// <summary>Options of <see cref="DpmSolverMultistepScheduler"/>.</summary>
public sealed record DpmSolverMultistepSchedulerOptions : MultistepSchedulerOptions
{
    /// <summary>What is integrated. Default: <see cref="DpmAlgorithmType.DpmSolverPlusPlus"/>.</summary>
    [JsonPropertyName("algorithm_type")]
    public DpmAlgorithmType AlgorithmType { get; init; } = DpmAlgorithmType.DpmSolverPlusPlus;

    /// <summary>How a step of order 2 looks ahead. Default: <see cref="DpmSolverType.Midpoint"/>.</summary>
    [JsonPropertyName("solver_type")]
    public DpmSolverType SolverType { get; init; }

    /// <summary>Whether the last step is of order 1. Default: false.</summary>
    [JsonPropertyName("euler_at_final")]
    public bool EulerAtFinal { get; init; }

    /// <summary>Whether steps are even in λ (Lu et al. 2022). Default: false.</summary>
    [JsonPropertyName("use_lu_lambdas")]
    public bool UseLuLambdas { get; init; }

    /// <summary>The lowest λ that a step begins with; −5.1 suits the cosine schedule. Default: −∞.</summary>
    [JsonPropertyName("lambda_min_clipped")]
    public double LambdaMinClipped { get; init; } = double.NegativeInfinity;

    /// <summary>Set where the predictor outputs the variance too, in further channels, which are ignored. Default: none.</summary>
    [JsonPropertyName("variance_type")]
    public DdpmVarianceType? VarianceType { get; init; }

    internal bool IsOfImage => AlgorithmType is DpmAlgorithmType.DpmSolverPlusPlus or DpmAlgorithmType.SdeDpmSolverPlusPlus;

    internal bool IsStochastic => AlgorithmType is DpmAlgorithmType.SdeDpmSolver or DpmAlgorithmType.SdeDpmSolverPlusPlus;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Defined(AlgorithmType);
        OptionChecks.Defined(SolverType);
        if (VarianceType is { } variance and not (DdpmVarianceType.Learned or DdpmVarianceType.LearnedRange))
            throw new ArgumentException(
                $"{nameof(VarianceType)} is {variance}; expected {DdpmVarianceType.Learned}, "
                + $"{DdpmVarianceType.LearnedRange} or none.", nameof(VarianceType));
        if (double.IsNaN(LambdaMinClipped) || LambdaMinClipped == double.PositiveInfinity)
            throw new ArgumentException(
                $"{nameof(LambdaMinClipped)} is {LambdaMinClipped}; expected a number or −∞.", nameof(LambdaMinClipped));
        if (!IsOfImage && FinalSigmasType == FinalSigmasType.Zero)
            throw new ArgumentException(
                $"{nameof(AlgorithmType)} is {AlgorithmType}, which cannot go to an image without noise: set {nameof(FinalSigmasType)} to "
                + $"{FinalSigmasType.SigmaMin}.", nameof(FinalSigmasType));
        if (UseLuLambdas && HasOwnSigmas)
            throw new ArgumentException(
                $"{nameof(UseLuLambdas)} is set together with another way to space the "
                + "steps; expected one of them.", nameof(UseLuLambdas));
        if (AlgorithmType == DpmAlgorithmType.SdeDpmSolver && SolverOrder == 3)
            throw new ArgumentException(
                $"{nameof(SolverOrder)} is 3; expected 1 or 2 with {DpmAlgorithmType.SdeDpmSolver}.", nameof(SolverOrder));
    }
}

/// <summary>
/// DPM-Solver and DPM-Solver++ as multistep methods of order 1 to 3 (Lu, Zhou, Bao, Chen, Li, Zhu 2022,
/// <see href="https://arxiv.org/abs/2206.00927"/> and <see href="https://arxiv.org/abs/2211.01095"/>): one prediction a step, good from 20
/// steps.
/// </summary>
public sealed class DpmSolverMultistepScheduler : NoiseScheduler
{
    // Below this many steps the last ones are of lower order.
    private const int FewSteps = 15;

    private readonly DpmSolverMultistepSchedulerOptions _options;
    private readonly SigmaSteps _steps;
    private readonly SolverHistory _history;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DpmSolverMultistepScheduler(DpmSolverMultistepSchedulerOptions? options = null)
        : base(options ??= new DpmSolverMultistepSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative);
        _history = new SolverHistory(options.SolverOrder);
    }

    /// <summary>Sets the timesteps to given ones.</summary>
    /// <param name="timesteps">Falling, below <see cref="NoiseScheduler.TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentException">They are not, or the options space them by the noise.</exception>
    public void SetTimesteps(IReadOnlyList<int> timesteps)
    {
        CheckTimesteps(timesteps, areSpacedByNoise: _options.HasOwnSigmas || _options.UseLuLambdas);
        double[] own = [.. timesteps.Select(t => (double)t)];
        Use(SetSteps(own, [.. own.Select(_steps.Table.At)]));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        int count = Timesteps.Count;
        bool isLast = index == count - 1, hasFew = _options.LowerOrderFinal && count < FewSteps;
        bool endsWithFirst = isLast && (_options.EulerAtFinal || hasFew || _options.FinalSigmasType == FinalSigmasType.Zero);
        bool endsWithSecond = index == count - 2 && hasFew;

        NoiseLevel from = LevelOf(index), to = LevelOf(index + 1);
        if (modelOutput.size(1) == 2 * sample.size(1))
            modelOutput = modelOutput.narrow(1, 0, sample.size(1));
        Tensor image = _options.Threshold(Image(sample, modelOutput, from));
        float h = to.Lambda - from.Lambda;
        // Rounding has made the timestep the same as the next: there is nothing to integrate.
        if (h == 0)
            return new SchedulerStep(sample.alias(), image);

        Tensor output = _options.IsOfImage ? image
            : _options.Thresholding ? from.On(sample.device).Epsilon(sample, image, PredictionType.Sample)
            : Epsilon(sample, modelOutput, from);
        _history.Add(output, from.Lambda);

        int order = endsWithFirst ? 1 : Math.Min(Math.Min(_options.SolverOrder, _history.Steps + 1), endsWithSecond ? 2 : 3);
        Tensor next = Linear(sample, from, to, h);
        Tensor[] differences = Differences(order, h);
        float[] weights = Weights(order, to, h);
        for (int i = 0; i < order; i++)
            next = next.Plus(differences[i], weights[i]);
        if (_options.IsStochastic)
            next = next.Plus(NoiseOf(noise, sample), NoiseWeight(to, h));
        _history.CountStep();
        return new SchedulerStep(next, image);
    }

    internal override bool TakesVariance => _options.VarianceType is not null;

    private Tensor Linear(Tensor sample, NoiseLevel from, NoiseLevel to, float h) => _options.AlgorithmType switch
    {
        DpmAlgorithmType.DpmSolverPlusPlus => sample.Times(to.Noise / from.Noise),
        DpmAlgorithmType.SdeDpmSolverPlusPlus => sample.Times(to.Noise / from.Noise * MathF.Exp(-h)),
        _ => sample.Times(to.Signal / from.Signal),
    };

    // The prediction and its divided differences (DPM-Solver++, algorithm 2 and appendix B).
    private Tensor[] Differences(int order, float h)
    {
        if (order == 1)
            return [_history[^1].Values];
        float r0 = (_history[^1].Lambda - _history[^2].Lambda) / h;
        Tensor first = (_history[^1].Values - _history[^2].Values).Times(1 / r0);
        if (order == 2)
            return [_history[^1].Values, first];
        float r1 = (_history[^2].Lambda - _history[^3].Lambda) / h;
        Tensor change = first - (_history[^2].Values - _history[^3].Values).Times(1 / r1);
        return [_history[^1].Values, first.Plus(change, r0 / (r0 + r1)), change.Times(1 / (r0 + r1))];
    }

    private float[] Weights(int order, NoiseLevel to, float h)
    {
        bool isMidpoint = order == 2 && _options.SolverType == DpmSolverType.Midpoint;
        switch (_options.AlgorithmType)
        {
            case DpmAlgorithmType.DpmSolverPlusPlus:
                {
                    float phi = MathF.Exp(-h) - 1;
                    return
                    [
                        -to.Signal * phi,
                        isMidpoint ? -0.5f * to.Signal * phi : to.Signal * (phi / h + 1),
                        -to.Signal * ((phi + h) / (h * h) - 0.5f),
                    ];
                }

            case DpmAlgorithmType.DpmSolver:
                {
                    float phi = MathF.Exp(h) - 1;
                    return
                    [
                        -to.Noise * phi,
                        isMidpoint ? -0.5f * to.Noise * phi : -to.Noise * (phi / h - 1),
                        -to.Noise * ((phi - h) / (h * h) - 0.5f),
                    ];
                }

            case DpmAlgorithmType.SdeDpmSolverPlusPlus:
                {
                    float phi = 1 - MathF.Exp(-2 * h);
                    return
                    [
                        to.Signal * phi,
                        isMidpoint ? 0.5f * to.Signal * phi : to.Signal * (phi / (-2 * h) + 1),
                        to.Signal * ((phi - 2 * h) / (4 * h * h) - 0.5f),
                    ];
                }

            default:
                {
                    float phi = MathF.Exp(h) - 1;
                    return [-2 * to.Noise * phi, isMidpoint ? -to.Noise * phi : -2 * to.Noise * (phi / h - 1)];
                }
        }
    }

    private float NoiseWeight(NoiseLevel to, float h) => _options.AlgorithmType == DpmAlgorithmType.SdeDpmSolver
        ? to.Noise * MathF.Sqrt(MathF.Max(MathF.Exp(2 * h) - 1, 0))
        : to.Noise * MathF.Sqrt(MathF.Max(1 - MathF.Exp(-2 * h), 0));

    private NoiseLevel LevelOf(int step) => NoiseLevel.OfSigma(_steps[step]);

    private protected override NoiseLevel LevelAt(double timestep) => LevelOf(IndexOf(timestep));

    private protected override double[] Choose(int steps)
    {
        int last = TrainTimesteps - _steps.AlphasCumulative.Count(a => NoiseLevel.OfAlphaCumulative(a).Lambda < _options.LambdaMinClipped);
        double[] even = TimestepGrid.WithoutLast(TrainTimesteps, last, steps, _options.TimestepSpacing, _options.StepsOffset);
        bool isCosine = _options.Schedule.BetaSchedule == NoiseScheduleKind.Cosine;
        if (!_options.UseLuLambdas)
        {
            (double[] timesteps, double[] sigmas) = _steps.Space(
                even, _options, _steps.Table.Highest, _steps.Table.Lowest,
                t => _options.UseKarrasSigmas && !isCosine ? Math.Round(t, MidpointRounding.ToEven) : Math.Truncate(t));
            return SetSteps(timesteps, sigmas);
        }

        double[] own = SigmaTable.Exponential(_steps.Table.Highest, _steps.Table.Lowest, even.Length);
        IEnumerable<double> exact = own.Select(_steps.Table.TimestepOf);
        return SetSteps([.. exact.Select(t => isCosine ? Math.Truncate(t) : Math.Round(t, MidpointRounding.ToEven))], own);
    }

    private double[] SetSteps(double[] timesteps, double[] sigmas)
    {
        _steps.Set(sigmas, _options.LastSigma(_steps.Table));
        return timesteps;
    }

    private protected override void Forget() => _history.Clear();
}
