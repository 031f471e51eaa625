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

    /// <summary>Steps that are even in λ (Lu et al. 2022). Default: false.</summary>
    [JsonPropertyName("use_lu_lambdas")]
    public bool UseLuLambdas { get; init; }

    /// <summary>The lowest λ that a step begins with; −5.1 suits the cosine schedule. Default: −∞.</summary>
    [JsonPropertyName("lambda_min_clipped")]
    public double LambdaMinClipped { get; init; } = double.NegativeInfinity;

    /// <summary>Whether the predictor learned the variance too, in further channels, which are not used. Default: none, it did not.</summary>
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
            throw new ArgumentException($"{nameof(VarianceType)} is {variance}; expected {DdpmVarianceType.Learned}, {DdpmVarianceType.LearnedRange} or none.", nameof(VarianceType));
        if (double.IsNaN(LambdaMinClipped) || LambdaMinClipped == double.PositiveInfinity)
            throw new ArgumentException($"{nameof(LambdaMinClipped)} is {LambdaMinClipped}; expected a number or −∞.", nameof(LambdaMinClipped));
        if (!IsOfImage && FinalSigmasType == FinalSigmasType.Zero)
            throw new ArgumentException($"{nameof(AlgorithmType)} is {AlgorithmType}, which cannot go to an image without noise: set {nameof(FinalSigmasType)} to {FinalSigmasType.SigmaMin}.", nameof(FinalSigmasType));
        if (UseLuLambdas && HasOwnSigmas)
            throw new ArgumentException($"{nameof(UseLuLambdas)} is set together with another way to space the steps; expected one of them.", nameof(UseLuLambdas));
        if (AlgorithmType == DpmAlgorithmType.SdeDpmSolver && SolverOrder == 3)
            throw new ArgumentException($"{nameof(SolverOrder)} is 3; expected 1 or 2 with {DpmAlgorithmType.SdeDpmSolver}.", nameof(SolverOrder));
    }
}

/// <summary>
/// DPM-Solver and DPM-Solver++ as multistep methods of order 1 to 3 (Lu, Zhou, Bao, Chen, Li, Zhu 2022, <see href="https://arxiv.org/abs/2206.00927"/> and
/// <see href="https://arxiv.org/abs/2211.01095"/>): one prediction a step, good from 20 steps.
/// </summary>
public sealed class DpmSolverMultistepScheduler : MultistepNoiseScheduler
{
    // Below this many steps the last ones are of lower order.
    private const int FewSteps = 15;

    private readonly DpmSolverMultistepSchedulerOptions _options;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="options">Its options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DpmSolverMultistepScheduler(DpmSolverMultistepSchedulerOptions? options = null)
        : base(options ??= new DpmSolverMultistepSchedulerOptions())
    {
        _options = options;
    }

    /// <summary>Chooses timesteps of one's own.</summary>
    /// <param name="timesteps">Falling, below <see cref="NoiseScheduler.TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentException">They are not, or the options have their own way to choose them.</exception>
    public void SetTimesteps(IReadOnlyList<int> timesteps)
    {
        CheckTimesteps(timesteps);
        if (_options.HasOwnSigmas || _options.UseLuLambdas)
            throw new ArgumentException("Timesteps are given, and the options choose them by the noise; expected one of both.", nameof(timesteps));
        double[] own = [.. timesteps.Select(t => (double)t)];
        Use(timesteps.Count, Space(own, [.. own.Select(Table.At)], ownTimestep: null));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise)
    {
        int index = Index(timestep), count = Timesteps.Count;
        bool isLast = index == count - 1, hasFew = _options.LowerOrderFinal && count < FewSteps;
        bool endsWithFirst = isLast && (_options.EulerAtFinal || hasFew || _options.FinalSigmasType == FinalSigmasType.Zero);
        bool endsWithSecond = index == count - 2 && hasFew;

        SolverPoint from = PointAt(index), to = PointAt(index + 1);
        if (modelOutput.size(1) == 2 * sample.size(1))
            modelOutput = modelOutput.narrow(1, 0, sample.size(1));
        Tensor image = Threshold(Image(sample, modelOutput, from.Alpha, from.Sigma));
        float h = to.Lambda - from.Lambda;
        if (h == 0)
            return StandStill(sample, image);
        Tensor output = _options.IsOfImage ? image
            : _options.Thresholding ? sample.Plus(image, -from.Alpha).Over(from.Sigma)
            : Noise(sample, modelOutput, from.Alpha, from.Sigma);
        Push(output, from);

        int order = _options.SolverOrder == 1 || Warmup < 1 || endsWithFirst ? 1 : _options.SolverOrder == 2 || Warmup < 2 || endsWithSecond ? 2 : 3;
        Tensor next = Linear(sample, from, to, h);
        Tensor[] differences = Differences(order, h);
        float[] weights = Weights(order, to, h);
        for (int i = 0; i < order; i++)
            next = next.Plus(differences[i], weights[i]);
        if (_options.IsStochastic)
            next = next.Plus(Draw(noise, sample), NoiseWeight(to, h));
        CountStep();
        return new SchedulerStep(next, image);
    }

    internal override bool TakesVariance => _options.VarianceType is not null;

    private Tensor Linear(Tensor sample, SolverPoint from, SolverPoint to, float h) => _options.AlgorithmType switch
    {
        DpmAlgorithmType.DpmSolverPlusPlus => sample.Times(to.Sigma / from.Sigma),
        DpmAlgorithmType.SdeDpmSolverPlusPlus => sample.Times(to.Sigma / from.Sigma * MathF.Exp(-h)),
        _ => sample.Times(to.Alpha / from.Alpha),
    };

    // What the predictor says and its divided differences (DPM-Solver++, algorithm 2 and appendix B).
    private Tensor[] Differences(int order, float h)
    {
        if (order == 1)
            return [Outputs[^1].Values];
        float r0 = (Outputs[^1].Lambda - Outputs[^2].Lambda) / h;
        Tensor first = (Outputs[^1].Values - Outputs[^2].Values).Times(1 / r0);
        if (order == 2)
            return [Outputs[^1].Values, first];
        float r1 = (Outputs[^2].Lambda - Outputs[^3].Lambda) / h;
        Tensor change = first - (Outputs[^2].Values - Outputs[^3].Values).Times(1 / r1);
        return [Outputs[^1].Values, first.Plus(change, r0 / (r0 + r1)), change.Times(1 / (r0 + r1))];
    }

    private float[] Weights(int order, SolverPoint to, float h)
    {
        bool isMidpoint = order == 2 && _options.SolverType == DpmSolverType.Midpoint;
        switch (_options.AlgorithmType)
        {
            case DpmAlgorithmType.DpmSolverPlusPlus:
                {
                    float phi = MathF.Exp(-h) - 1;
                    return [-to.Alpha * phi, isMidpoint ? -0.5f * to.Alpha * phi : to.Alpha * (phi / h + 1), -to.Alpha * ((phi + h) / (h * h) - 0.5f)];
                }

            case DpmAlgorithmType.DpmSolver:
                {
                    float phi = MathF.Exp(h) - 1;
                    return [-to.Sigma * phi, isMidpoint ? -0.5f * to.Sigma * phi : -to.Sigma * (phi / h - 1), -to.Sigma * ((phi - h) / (h * h) - 0.5f)];
                }

            case DpmAlgorithmType.SdeDpmSolverPlusPlus:
                {
                    float phi = 1 - MathF.Exp(-2 * h);
                    return [to.Alpha * phi, isMidpoint ? 0.5f * to.Alpha * phi : to.Alpha * (phi / (-2 * h) + 1), to.Alpha * ((phi - 2 * h) / (4 * h * h) - 0.5f)];
                }

            default:
                {
                    float phi = MathF.Exp(h) - 1;
                    return [-2 * to.Sigma * phi, isMidpoint ? -to.Sigma * phi : -2 * to.Sigma * (phi / h - 1)];
                }
        }
    }

    private float NoiseWeight(SolverPoint to, float h) => _options.AlgorithmType == DpmAlgorithmType.SdeDpmSolver
        ? to.Sigma * MathF.Sqrt(MathF.Exp(2 * h) - 1)
        : to.Sigma * MathF.Sqrt(1 - MathF.Exp(-2 * h));

    private protected override double[] Choose(int steps)
    {
        int last = TrainTimesteps - AlphasCumulative.Count(a => MathF.Log(MathF.Sqrt(a)) - MathF.Log(MathF.Sqrt(1 - a)) < _options.LambdaMinClipped);
        double[] even = TimestepGrid.WithoutLast(TrainTimesteps, last, steps, _options.TimestepSpacing, _options.StepsOffset);
        bool isCosine = _options.Schedule.BetaSchedule == NoiseScheduleKind.Cosine;
        if (!_options.UseLuLambdas)
            return Space(even, t => _options.UseKarrasSigmas && !isCosine ? Math.Round(t, MidpointRounding.ToEven) : Math.Truncate(t));

        double[] lambdas = TimestepGrid.Linspace(Math.Log(Table.Highest), Math.Log(Table.Lowest), even.Length);
        return Space(even, [.. lambdas.Select(Math.Exp)], t => isCosine ? Math.Truncate(t) : Math.Round(t, MidpointRounding.ToEven));
    }
}
