using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Each sampler with each spacing of timesteps, schedule, number of steps and beginning of the loop, for data whose best predictor is
/// known: where all images are one, each has to end there.
/// </summary>
public class KnownTargetTests
{
    private const double Image = 0.4;

    private static readonly GaussianPredictor _point = new(Image, 0);

    private static readonly Dictionary<string, NoiseScheduleOptions> _schedules = new()
    {
        ["linear"] = new(),
        ["scaled"] = new() { BetaStart = 0.00085, BetaEnd = 0.012, BetaSchedule = NoiseScheduleKind.ScaledLinear },
        ["cosine"] = new() { BetaSchedule = NoiseScheduleKind.Cosine },
        ["sigmoid"] = new() { BetaSchedule = NoiseScheduleKind.Sigmoid },
        ["steep"] = new() { BetaEnd = 0.5 },
        ["short"] = new() { TrainTimesteps = 10, BetaEnd = 0.99 },
        ["zero"] = new() { RescaleBetasZeroSnr = true },
        ["cosine zero"] = new() { BetaSchedule = NoiseScheduleKind.Cosine, RescaleBetasZeroSnr = true },
    };

    private delegate NoiseScheduler Create(NoiseScheduleOptions schedule, TimestepSpacing spacing, PredictionType prediction);

    private static readonly Dictionary<string, Create> _samplers = new()
    {
        ["Ddim"] = (s, t, p) => new DdimScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p }),
        ["Ddim, eta"] = (s, t, p) =>
            new DdimScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, Eta = 1, StepsOffset = 1 }),
        ["Ddim, thresholding"] = (s, t, p) => new DdimScheduler(
            new() { Schedule = s, TimestepSpacing = t, PredictionType = p, Thresholding = true, UseClippedModelOutput = true }),
        ["Ddpm"] = (s, t, p) => new DdpmScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p }),
        ["Ddpm, log"] = (s, t, p) => new DdpmScheduler(
            new() { Schedule = s, TimestepSpacing = t, PredictionType = p, VarianceType = DdpmVarianceType.FixedSmallLog }),
        ["Ddpm, large"] = (s, t, p) =>
            new DdpmScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, VarianceType = DdpmVarianceType.FixedLarge }),
        ["Ddpm, large log"] = (s, t, p) => new DdpmScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            VarianceType = DdpmVarianceType.FixedLargeLog,
            ClipSample = false,
        }),
        ["Pndm"] = (s, t, p) => new PndmScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, SetAlphaToOne = true }),
        ["Pndm without Runge-Kutta"] = (s, t, p) =>
            new PndmScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, SkipPrkSteps = true }),
        ["Lms"] = (s, t, p) => new LmsScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, StepsOffset = 1 }),
        ["Lms, Karras"] = (s, t, p) =>
            new LmsScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseKarrasSigmas = true }),
        ["Lms, exponential"] = (s, t, p) =>
            new LmsScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseExponentialSigmas = true, Order = 2 }),
        ["Euler"] = (s, t, p) => new EulerScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p }),
        ["Euler, churn"] = (s, t, p) =>
            new EulerScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, Churn = 5, UseExponentialSigmas = true }),
        ["Euler, Karras"] = (s, t, p) => new EulerScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            UseKarrasSigmas = true,
            FinalSigmasType = FinalSigmasType.SigmaMin,
        }),
        ["Euler ancestral"] = (s, t, p) => new EulerAncestralScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p }),
        ["Heun"] = (s, t, p) => new HeunScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, StepsOffset = 1 }),
        ["Heun, Karras"] = (s, t, p) =>
            new HeunScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseKarrasSigmas = true }),
        ["Heun, exponential"] = (s, t, p) =>
            new HeunScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseExponentialSigmas = true }),
        ["Dpm 1"] = (s, t, p) => new DpmSolverMultistepScheduler(
            new() { Schedule = s, TimestepSpacing = t, PredictionType = p, SolverOrder = 1, UseLuLambdas = true }),
        ["Dpm 2"] = (s, t, p) => new DpmSolverMultistepScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p }),
        ["Dpm 2, Karras"] = (s, t, p) =>
            new DpmSolverMultistepScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseKarrasSigmas = true }),
        ["Dpm 2, exponential"] = (s, t, p) => new DpmSolverMultistepScheduler(
            new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseExponentialSigmas = true, SolverType = DpmSolverType.Heun }),
        ["Dpm 3"] = (s, t, p) => new DpmSolverMultistepScheduler(
            new() { Schedule = s, TimestepSpacing = t, PredictionType = p, SolverOrder = 3, LowerOrderFinal = false }),
        ["Dpm 3, Karras"] = (s, t, p) => new DpmSolverMultistepScheduler(
            new() { Schedule = s, TimestepSpacing = t, PredictionType = p, SolverOrder = 3, UseKarrasSigmas = true }),
        ["Dpm 3, Lu"] = (s, t, p) => new DpmSolverMultistepScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            SolverOrder = 3,
            UseLuLambdas = true,
            LowerOrderFinal = false,
            FinalSigmasType = FinalSigmasType.SigmaMin,
        }),
        ["Dpm of noise"] = (s, t, p) => new DpmSolverMultistepScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            AlgorithmType = DpmAlgorithmType.DpmSolver,
            FinalSigmasType = FinalSigmasType.SigmaMin,
        }),
        ["Sde Dpm"] = (s, t, p) => new DpmSolverMultistepScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            AlgorithmType = DpmAlgorithmType.SdeDpmSolverPlusPlus,
            UseKarrasSigmas = true,
        }),
        ["Sde Dpm 3"] = (s, t, p) => new DpmSolverMultistepScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            AlgorithmType = DpmAlgorithmType.SdeDpmSolverPlusPlus,
            SolverOrder = 3,
        }),
        ["Sde Dpm of noise"] = (s, t, p) => new DpmSolverMultistepScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            AlgorithmType = DpmAlgorithmType.SdeDpmSolver,
            FinalSigmasType = FinalSigmasType.SigmaMin,
        }),
        ["UniPc"] = (s, t, p) => new UniPcScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p }),
        ["UniPc, Karras"] = (s, t, p) =>
            new UniPcScheduler(new() { Schedule = s, TimestepSpacing = t, PredictionType = p, UseKarrasSigmas = true }),
        ["UniPc 3, exponential"] = (s, t, p) => new UniPcScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            SolverOrder = 3,
            UseExponentialSigmas = true,
            LowerOrderFinal = false,
        }),
        ["UniPc of noise"] = (s, t, p) => new UniPcScheduler(new()
        {
            Schedule = s,
            TimestepSpacing = t,
            PredictionType = p,
            PredictX0 = false,
            FinalSigmasType = FinalSigmasType.SigmaMin,
            SolverType = UniPcSolverType.Bh1,
        }),
    };

    // Their timesteps are not whole.
    private static readonly string[] _ownSigmas = ["Lms, Karras", "Lms, exponential", "Euler, Karras", "Heun, Karras", "Heun, exponential"];

    public static TheoryData<string> Samplers => [.. _samplers.Keys];

    [Theory]
    [MemberData(nameof(Samplers))]
    public void Every_loop_ends_at_the_only_image(string name)
    {
        List<string> wrong = [];
        foreach ((string schedule, NoiseScheduleOptions options) in _schedules)
        {
            bool isPndm = name.StartsWith("Pndm", StringComparison.Ordinal);
            foreach (TimestepSpacing spacing in Enum.GetValues<TimestepSpacing>())
            {
                // PNDM divides by what is left of the image: it refuses to start from nothing, and rounding is all that it finds in next to
                // nothing.
                if (isPndm
                    && (options.RescaleBetasZeroSnr || schedule == "steep" || (schedule == "cosine" && spacing != TimestepSpacing.Leading)))
                    continue;
                PredictionType prediction = isPndm ? PredictionType.Epsilon : PredictionType.Velocity;
                using NoiseScheduler scheduler = _samplers[name](options, spacing, prediction);
                foreach (int steps in Counts(name, scheduler))
                {
                    scheduler.SetTimesteps(steps);
                    foreach (int start in Starts(scheduler))
                    {
                        // Exceptions: noise that the predictor has not seen, or more than so long a step can take away; and timesteps
                        // between which σ grows by half.
                        bool isExact = name is not ("Euler, churn" or "Sde Dpm of noise") && schedule is not ("steep" or "short");
                        if (Problem(
                            scheduler, _point with { IsEvenInLogarithm = _ownSigmas.Contains(name) }, start, isExact) is { } problem)
                            wrong.Add($"{schedule}, {spacing}, {steps} steps from {start}: {problem}");
                    }
                }
            }
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count}: {string.Join('\n', wrong.Take(30))}");
    }

    [Fact]
    public void Rounding_leaves_no_root_of_less_than_nothing()
    {
        // From nothing but noise, DDIM with η = 1 adds all of the noise that its next timestep has; so does the ancestral sampler where σ
        // falls to a small part.
        var cosine = new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine };
        foreach (int steps in Enumerable.Range(1, 60))
        {
            foreach (NoiseScheduler sampler in (NoiseScheduler[])[
                new DdimScheduler(new()
                {
                    Schedule = cosine with { RescaleBetasZeroSnr = true },
                    TimestepSpacing = TimestepSpacing.Trailing,
                    PredictionType = PredictionType.Velocity,
                    Eta = 1,
                }),
                new EulerAncestralScheduler(new() { Schedule = cosine }),
                new EulerAncestralScheduler(new()
                {
                    Schedule = cosine with { RescaleBetasZeroSnr = true },
                    TimestepSpacing = TimestepSpacing.Trailing,
                    PredictionType = PredictionType.Velocity,
                }),
                new DpmSolverMultistepScheduler(new()
                {
                    Schedule = cosine,
                    AlgorithmType = DpmAlgorithmType.SdeDpmSolverPlusPlus,
                    UseKarrasSigmas = true,
                    PredictionType = PredictionType.Velocity,
                })])
            {
                using (sampler)
                {
                    sampler.SetTimesteps(steps);
                    string? problem = Problem(sampler, _point, 0, isExact: true);
                    Assert.True(problem is null, $"{sampler.GetType().Name}, {steps} steps: {problem}");
                }
            }
        }
    }

    [Fact]
    public void Where_nothing_of_the_image_is_left_samplers_that_divide_by_it_refuse_to_begin()
    {
        var zero = new NoiseScheduleOptions { RescaleBetasZeroSnr = true };
        foreach (NoiseScheduleOptions schedule in (NoiseScheduleOptions[])
        [
            zero, new() { TrainTimesteps = 2, TrainedBetas = [0.5f, 1] }, new() { BetaEnd = 0.9 },
        ])
        {
            ArgumentException refused = Assert.ThrowsAny<ArgumentException>(() =>
                new PndmScheduler(new() { Schedule = schedule, PredictionType = PredictionType.Velocity }));
            Assert.Contains("PNDM", refused.Message);
            Assert.Contains("RescaleBetasZeroSnr", refused.Message);
        }

        foreach (NoiseScheduler sampler in (NoiseScheduler[])[
            new DdimScheduler(new() { Schedule = zero, TimestepSpacing = TimestepSpacing.Trailing }),
            new DdpmScheduler(new() { Schedule = zero, TimestepSpacing = TimestepSpacing.Linspace })])
        {
            using (sampler)
            {
                Assert.Contains("timestep 999 nothing of the image is left", Assert.ThrowsAny<ArgumentException>(() =>
                    sampler.SetTimesteps(10)).Message);
            }
        }

        Assert.Contains(
            "1 timestep", Assert.ThrowsAny<ArgumentException>(() => new NoiseSchedule(zero with { TrainTimesteps = 1 })).Message);
    }

    private static IEnumerable<int> Counts(string name, NoiseScheduler scheduler) =>
        ((int[])[1, 2, 4, 9])
            .Where(steps => steps < scheduler.TrainTimesteps && (steps > 3 || !name.StartsWith("Pndm", StringComparison.Ordinal)));

    private static IEnumerable<int> Starts(NoiseScheduler scheduler) =>
        ((double[])[0, 0.6]).Select(part => scheduler.StepStarts[(int)(part * scheduler.StepStarts.Count)]).Distinct();

    private static string? Problem(NoiseScheduler scheduler, GaussianPredictor predictor, int start, bool isExact)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(1);
        Tensor noise = linspace(-2, 2, 8, ScalarType.Float32).view(1, 1, 2, 4), image = full_like(noise, Image);
        scheduler.SetBeginIndex(start);
        double first = scheduler.Timesteps[start];
        Tensor sample = start == 0 && predictor.LevelAt(scheduler, first).Noise > 0.999
            ? noise * (float)scheduler.InitialNoiseSigma
            : scheduler.AddNoise(image, noise, tensor(new[] { first }));
        foreach (double t in scheduler.Timesteps.Skip(start))
        {
            Tensor output = predictor.Predict(scheduler, scheduler.ScaleModelInput(sample, t), t);
            sample = scheduler.Step(output, t, sample, () => randn(noise.shape, generator: generator)).Previous;
            if (!sample.isfinite().all().ToBoolean())
                return $"not finite after timestep {t}";
        }

        // The first timestep's noise may be left.
        double left = (sample - image).abs().max().ToDouble(), tolerance = 0.04 + 4 * predictor.LevelAt(scheduler, 0).Noise;
        return left <= tolerance || !isExact ? null : $"{left:F4} away";
    }
}
