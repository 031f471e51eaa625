using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Where the data is normal with mean and deviation known, the best possible predictor is known too, and so is what the probability flow
/// makes of each noise: all samplers have to come there.
/// </summary>
public class GaussianDataTests
{
    private const double Mean = 0.3;
    private const double Deviation = 0.5;

    private static readonly GaussianPredictor _predictor = new(Mean, Deviation);

    public static TheoryData<string, PredictionType> Deterministic
    {
        get
        {
            var data = new TheoryData<string, PredictionType>();
            foreach (string name in _deterministic.Keys)
            {
                foreach (PredictionType prediction in Enum.GetValues<PredictionType>()
                    .Where(p => p != PredictionType.Sample || !name.StartsWith("Pndm", StringComparison.Ordinal)))
                    data.Add(name, prediction);
            }

            return data;
        }
    }

    private static readonly Dictionary<string, Func<PredictionType, NoiseScheduler>> _deterministic = new()
    {
        ["Ddim"] = p => new DdimScheduler(new() { PredictionType = p, ClipSample = false }),
        ["Pndm"] = p => new PndmScheduler(new() { PredictionType = p, SkipPrkSteps = true }),
        ["Pndm, Runge-Kutta"] = p => new PndmScheduler(new() { PredictionType = p }),
        ["Lms"] = p => new LmsScheduler(new() { PredictionType = p }),
        ["Euler"] = p => new EulerScheduler(new() { PredictionType = p }),
        ["Euler, Karras"] = p => new EulerScheduler(new() { PredictionType = p, UseKarrasSigmas = true }),
        ["Heun"] = p => new HeunScheduler(new() { Schedule = new(), PredictionType = p }),
        ["Dpm 1"] = p => new DpmSolverMultistepScheduler(new() { PredictionType = p, SolverOrder = 1 }),
        ["Dpm 2"] = p => new DpmSolverMultistepScheduler(new() { PredictionType = p }),
        ["Dpm 2, Heun"] = p => new DpmSolverMultistepScheduler(new() { PredictionType = p, SolverType = DpmSolverType.Heun }),
        ["Dpm 3"] = p => new DpmSolverMultistepScheduler(new() { PredictionType = p, SolverOrder = 3 }),
        ["Dpm of noise"] = p => new DpmSolverMultistepScheduler(
            new() { PredictionType = p, AlgorithmType = DpmAlgorithmType.DpmSolver, FinalSigmasType = FinalSigmasType.SigmaMin }),
        ["UniPc"] = p => new UniPcScheduler(new() { PredictionType = p }),
        ["UniPc 3, bh1"] = p => new UniPcScheduler(new() { PredictionType = p, SolverOrder = 3, SolverType = UniPcSolverType.Bh1 }),
        ["UniPc of noise"] = p =>
            new UniPcScheduler(new() { PredictionType = p, PredictX0 = false, FinalSigmasType = FinalSigmasType.SigmaMin }),
    };

    [Theory]
    [MemberData(nameof(Deterministic))]
    public void Deterministic_samplers_come_nearer_to_the_flows_end_with_more_steps(string name, PredictionType prediction)
    {
        double few = Error(_deterministic[name](prediction), 20), many = Error(_deterministic[name](prediction), 100);
        Assert.InRange(many, 0, 0.04);
        Assert.True(many < 0.6 * few || few < 1e-3, $"{few} with 20 steps, {many} with 100");
    }

    [Fact]
    public void Higher_orders_come_nearer_in_as_many_steps()
    {
        double first = Error(_deterministic["Dpm 1"](PredictionType.Epsilon), 20),
            second = Error(_deterministic["Dpm 2"](PredictionType.Epsilon), 20);
        Assert.True(second < first / 2, $"{first}, {second}");
    }

    [Theory]
    [InlineData("Lms")]
    [InlineData("Pndm")]
    [InlineData("Pndm, Runge-Kutta")]
    [InlineData("Dpm 3")]
    [InlineData("UniPc 3, bh1")]
    public void Samplers_with_a_memory_follow_the_flow_from_noisy_images_too(string name)
    {
        foreach (double strength in (double[])[0.1, 0.2, 0.5, 0.9])
        {
            double found = ErrorFrom(_deterministic[name](PredictionType.Epsilon), strength),
                plain = ErrorFrom(_deterministic["Ddim"](PredictionType.Epsilon), strength);
            Assert.True(found < plain, $"strength {strength}: {found}, and {plain} without a memory");
        }
    }

    public static TheoryData<string> Stochastic => [.. _stochastic.Keys];

    private static readonly Dictionary<string, (Func<NoiseScheduler> Create, int Steps)> _stochastic = new()
    {
        ["Ddpm"] = (() => new DdpmScheduler(new() { ClipSample = false }), 1000),
        ["Ddpm, large"] = (() => new DdpmScheduler(new() { ClipSample = false, VarianceType = DdpmVarianceType.FixedLarge }), 1000),
        ["Ddpm, log"] = (() => new DdpmScheduler(new() { ClipSample = false, VarianceType = DdpmVarianceType.FixedSmallLog }), 1000),
        ["Ddim, eta"] = (() => new DdimScheduler(new() { ClipSample = false, Eta = 1 }), 500),
        ["Euler ancestral"] = (() => new EulerAncestralScheduler(), 200),
        ["Euler, churn"] = (() => new EulerScheduler(new() { Churn = 20 }), 200),
        ["Sde Dpm"] = (() => new DpmSolverMultistepScheduler(new() { AlgorithmType = DpmAlgorithmType.SdeDpmSolverPlusPlus }), 100),
        ["Sde Dpm of noise"] = (() => new DpmSolverMultistepScheduler(
            new() { AlgorithmType = DpmAlgorithmType.SdeDpmSolver, FinalSigmasType = FinalSigmasType.SigmaMin }), 200),
    };

    [Theory]
    [MemberData(nameof(Stochastic))]
    public void Stochastic_samplers_draw_from_the_data(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using NoiseScheduler scheduler = _stochastic[name].Create();
        scheduler.SetTimesteps(_stochastic[name].Steps);
        using var generator = new Generator(1);
        Tensor drawn = Draw(scheduler, randn([1, 1, 64, 64], generator: generator), generator);
        Assert.Equal(Mean, drawn.mean().ToDouble(), 0.03);
        Assert.Equal(Deviation, drawn.std().ToDouble(), 0.03);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Euler_along_a_flow_comes_to_its_end(double shift)
    {
        double few = FlowError(shift, 10), many = FlowError(shift, 100);
        Assert.InRange(many, 0, 0.03);
        Assert.True(many < few / 5, $"{few}, {many}");
    }

    private static double Error(NoiseScheduler scheduler, int steps)
    {
        using DisposeScope scope = NewDisposeScope();
        using (scheduler)
        {
            scheduler.SetTimesteps(steps);
            Tensor noise = linspace(-2, 2, 41, ScalarType.Float32).view(1, 1, 1, 41);
            Tensor drawn = Draw(scheduler, noise, null);

            double first = scheduler.Timesteps[0];
            bool isScaled = scheduler.InitialNoiseSigma != 1;
            Tensor start = isScaled ? noise * (float)(scheduler.InitialNoiseSigma * _predictor.LevelAt(scheduler, first).Signal) : noise;
            return (drawn - _predictor.EndOf(scheduler, start, first)).abs().max().ToDouble();
        }
    }

    private static double ErrorFrom(NoiseScheduler scheduler, double strength)
    {
        using DisposeScope scope = NewDisposeScope();
        using (scheduler)
        {
            scheduler.SetTimesteps(50);
            int start = scheduler.StepStarts[^(int)(strength * scheduler.StepStarts.Count)];
            double first = scheduler.Timesteps[start];
            Tensor noise = linspace(-2, 2, 41, ScalarType.Float32).view(1, 1, 1, 41),
                image = linspace(1, -0.5, 41, ScalarType.Float32).view(1, 1, 1, 41);
            Tensor noisy = scheduler.AddNoise(image, noise, tensor(new[] { first }));
            Tensor drawn = Continue(scheduler, noisy, start, null);
            bool isScaled = scheduler.InitialNoiseSigma != 1;
            Tensor scaled = isScaled ? noisy * _predictor.LevelAt(scheduler, first).Signal : noisy;
            return (drawn - _predictor.EndOf(scheduler, scaled, first)).abs().max().ToDouble();
        }
    }

    private static Tensor Draw(NoiseScheduler scheduler, Tensor noise, Generator? generator) =>
        Continue(scheduler, noise * (float)scheduler.InitialNoiseSigma, 0, generator);

    private static Tensor Continue(NoiseScheduler scheduler, Tensor sample, int start, Generator? generator)
    {
        foreach (double t in scheduler.Timesteps.Skip(start))
        {
            Tensor x = scheduler.ScaleModelInput(sample, t);
            sample = scheduler.Step(
                _predictor.Predict(scheduler, x, t), t, sample, () => randn(sample.shape, generator: generator!)).Previous;
        }

        return sample;
    }

    private static double FlowError(double shift, int steps)
    {
        using DisposeScope scope = NewDisposeScope();
        using var scheduler = new FlowMatchEulerScheduler(new() { Shift = shift });
        scheduler.SetTimesteps(steps);
        Tensor noise = linspace(-2, 2, 41, ScalarType.Float32).view(1, 1, 1, 41), sample = noise;
        foreach (double t in scheduler.Timesteps)
        {
            double sigma = t / 1000, signal = 1 - sigma;
            Tensor scaled = (sample - signal * Mean) / (signal * signal * Deviation * Deviation + sigma * sigma);
            sample = scheduler.Step(sigma * scaled - (Mean + signal * Deviation * Deviation * scaled), t, sample).Previous;
        }

        return (sample - (Mean + Deviation * noise)).abs().max().ToDouble();
    }
}
