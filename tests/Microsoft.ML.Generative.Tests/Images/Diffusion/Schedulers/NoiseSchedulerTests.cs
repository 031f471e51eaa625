using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class NoiseSchedulerTests
{
    private static readonly Func<NoiseScheduler>[] _all =
    [
        () => new DdpmScheduler(new() { VarianceType = DdpmVarianceType.FixedLarge, ClipSampleRange = 2 }),
        () => new DdimScheduler(new() { Schedule = new() { BetaSchedule = NoiseScheduleKind.Cosine }, SetAlphaToOne = false }),
        () => new DdimInverseScheduler(new() { ClipSample = false }),
        () => new PndmScheduler(new() { SkipPrkSteps = true, PredictionType = PredictionType.Velocity }),
        () => new LmsScheduler(new() { UseKarrasSigmas = true }),
        () => new EulerScheduler(new() { TimestepSpacing = TimestepSpacing.Trailing, FinalSigmasType = FinalSigmasType.SigmaMin }),
        () => new EulerAncestralScheduler(
            new() { Schedule = new() { BetaStart = 0.00085, BetaEnd = 0.012, BetaSchedule = NoiseScheduleKind.ScaledLinear } }),
        () => new HeunScheduler(new() { UseExponentialSigmas = true }),
        () => new DpmSolverMultistepScheduler(new() { SolverOrder = 3, UseKarrasSigmas = true, LambdaMinClipped = -5.1 }),
        () => new DpmSolverMultistepScheduler(
            new() { AlgorithmType = DpmAlgorithmType.DpmSolver, FinalSigmasType = FinalSigmasType.SigmaMin }),
        () => new UniPcScheduler(new() { SolverOrder = 3, DisableCorrector = [0, 1] }),
        () => new FlowMatchEulerScheduler(new() { Shift = 3 }),
    ];

    public static TheoryData<int> All => [.. Enumerable.Range(0, _all.Length)];

    [Theory]
    [MemberData(nameof(All))]
    public void A_configuration_comes_back_and_draws_the_same(int which)
    {
        using NoiseScheduler scheduler = _all[which]();
        JsonObject config = scheduler.ToConfig();
        List<string> warnings = [];
        using var again = NoiseScheduler.FromConfig(JsonNode.Parse(config.ToJsonString())!.AsObject(), warnings.Add);
        using NoiseScheduler clone = scheduler.Clone();
        Assert.Empty(warnings);
        Assert.Equal(config.ToJsonString(), again.ToConfig().ToJsonString());
        Assert.Equal(scheduler.GetType(), again.GetType());
        foreach (NoiseScheduler s in (NoiseScheduler[])[scheduler, again, clone])
            s.SetTimesteps(12);
        (double, double) expected = DummyDiffusion.Run(scheduler);
        Assert.Equal(expected, DummyDiffusion.Run(again));
        Assert.Equal(expected, DummyDiffusion.Run(clone));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Setting_the_timesteps_again_begins_again(int which)
    {
        using NoiseScheduler scheduler = _all[which]();
        scheduler.SetTimesteps(10);
        (double, double) first = DummyDiffusion.Run(scheduler);
        scheduler.SetTimesteps(10);
        Assert.Equal(first, DummyDiffusion.Run(scheduler));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Steps_work_with_one_timestep_and_with_all(int which)
    {
        foreach (int steps in (int[])[1, 2, 999, 1000])
        {
            using NoiseScheduler scheduler = _all[which]();
            scheduler.SetTimesteps(steps);
            Assert.True(double.IsFinite(DummyDiffusion.Run(scheduler).Sum), $"{steps}");
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Numbers_of_steps_that_cannot_be_are_refused(int which)
    {
        using NoiseScheduler scheduler = _all[which]();
        Assert.Throws<ArgumentOutOfRangeException>(() => scheduler.SetTimesteps(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => scheduler.SetTimesteps(1001));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Outputs_of_another_shape_and_timesteps_that_are_not_to_take_are_refused(int which)
    {
        using DisposeScope scope = NewDisposeScope();
        using NoiseScheduler scheduler = _all[which]();
        scheduler.SetTimesteps(10);
        Tensor sample = zeros(1, 2, 3, 3);
        Assert.Contains("[1, 1, 1, 1]", Assert.Throws<ArgumentException>(() =>
            scheduler.Step(zeros(1, 1, 1, 1), scheduler.Timesteps[0], sample)).Message);
        Assert.Contains("[1, 4, 3, 3]", Assert.Throws<ArgumentException>(() =>
            scheduler.Step(zeros(1, 4, 3, 3), scheduler.Timesteps[0], sample)).Message);
        Assert.Contains("5000", Assert.Throws<ArgumentException>(() => scheduler.Step(sample, 5000, sample)).Message);
        Assert.Contains(
            "5000", Assert.Throws<ArgumentException>(() => scheduler.AddNoise(sample, sample, tensor(new[] { 5000f }))).Message);
    }

    [Fact]
    public void An_offset_beyond_the_last_timestep_is_refused()
    {
        using var scheduler = new DdimScheduler(new() { StepsOffset = 1 });
        Assert.Contains("StepsOffset", Assert.Throws<ArgumentOutOfRangeException>(() => scheduler.SetTimesteps(1000)).Message);
    }

    [Fact]
    public void Trailing_timesteps_are_as_many_as_asked_for()
    {
        using var scheduler = new DdimScheduler(new() { TimestepSpacing = TimestepSpacing.Trailing });
        foreach (int steps in Enumerable.Range(1, 1000))
        {
            scheduler.SetTimesteps(steps);
            Assert.Equal((steps, 999.0), (scheduler.Timesteps.Count, scheduler.Timesteps[0]));
            Assert.True(scheduler.Timesteps[^1] >= 0);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Noise_is_added_to_each_row_by_its_own_timestep(int which)
    {
        using DisposeScope scope = NewDisposeScope();
        using NoiseScheduler scheduler = _all[which]();
        scheduler.SetTimesteps(10);
        Tensor images = randn(2, 1, 2, 2), noise = randn(2, 1, 2, 2);
        double[] times = [scheduler.Timesteps[2], scheduler.Timesteps[7]];
        Tensor both = scheduler.AddNoise(images, noise, tensor(times));
        for (int i = 0; i < 2; i++)
        {
            Tensor one = scheduler.AddNoise(images[i..(i + 1)], noise[i..(i + 1)], tensor(new[] { times[i] }));
            Assert.Equal(0, (both[i..(i + 1)] - one).abs().max().ToDouble());
        }
    }

    [Fact]
    public void Absent_members_have_the_defaults_of_their_class_and_unknown_ones_warn()
    {
        List<string> warnings = [];
        using var heun = NoiseScheduler.FromConfig(
            new JsonObject { ["_class_name"] = "HeunDiscreteScheduler", ["_diffusers_version"] = "0.1", ["color"] = "blue" }, warnings.Add);
        Assert.Equal(0.00085, heun.Schedule.BetaStart);
        Assert.Contains("'color'", Assert.Single(warnings));
        using var ddpm = NoiseScheduler.FromConfig(
            new JsonObject { ["_class_name"] = "DDPMScheduler", ["trained_betas"] = null, ["beta_schedule"] = "squaredcos_cap_v2" });
        Assert.Equal((0.0001, NoiseScheduleKind.Cosine), (ddpm.Schedule.BetaStart, ddpm.Schedule.BetaSchedule));
    }

    [Theory]
    [InlineData("""{"_class_name":"SomeScheduler"}""", "SomeScheduler")]
    [InlineData("""{"_class_name":"EulerDiscreteScheduler","use_beta_sigmas":true}""", "use_beta_sigmas")]
    [InlineData("""{"_class_name":"DDIMScheduler","prediction_type":"flow"}""", "prediction_type")]
    [InlineData("""{"_class_name":"DDIMScheduler","beta_start":2}""", "BetaStart")]
    [InlineData("""{"_class_name":"DPMSolverMultistepScheduler","use_flow_sigmas":true}""", "use_flow_sigmas")]
    [InlineData("""{"_class_name":"DDPMScheduler","num_train_timesteps":"many"}""", "num_train_timesteps")]
    public void Configurations_that_are_not_known_are_refused_by_name(string json, string named)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => NoiseScheduler.FromConfig(JsonNode.Parse(json)!.AsObject()));
        Assert.Contains(named, error.Message);
    }

    [Fact]
    public void Options_that_do_not_go_together_are_refused_by_name()
    {
        Assert.Contains("FinalSigmasType", Assert.ThrowsAny<ArgumentException>(() =>
            new DpmSolverMultistepScheduler(new() { AlgorithmType = DpmAlgorithmType.DpmSolver })).Message);
        Assert.Contains("SolverOrder", Assert.ThrowsAny<ArgumentException>(() => new UniPcScheduler(new() { SolverOrder = 4 })).Message);
        Assert.Contains("UseKarrasSigmas", Assert.ThrowsAny<ArgumentException>(() =>
            new LmsScheduler(new() { UseKarrasSigmas = true, UseExponentialSigmas = true })).Message);
        Assert.Contains(
            "TrainedBetas", Assert.ThrowsAny<ArgumentException>(() => new NoiseSchedule(new() { TrainedBetas = [0.1f] })).Message);
        using var ddpm = new DdpmScheduler();
        Assert.ThrowsAny<ArgumentException>(() => ddpm.SetTimesteps([100, 87, 50, 51, 0]));
        Assert.ThrowsAny<ArgumentException>(() => ddpm.SetTimesteps([1000]));
    }

    [Fact]
    public void Learned_variances_lie_between_their_bounds()
    {
        using DisposeScope scope = NewDisposeScope();
        using var scheduler = new DdpmScheduler(new() { VarianceType = DdpmVarianceType.LearnedRange, ClipSample = false });
        Tensor sample = zeros(1, 1, 2, 2);
        double Deviation(float said) => scheduler.Step(
            cat([zeros(1, 1, 2, 2), full([1, 1, 2, 2], said)], 1), 500, sample, () => ones(1, 1, 2, 2)).Previous.mean().ToDouble();
        float beta = new NoiseSchedule(new NoiseScheduleOptions()).Betas[500];
        Assert.Equal(Math.Sqrt(beta), Deviation(1), 1e-5);
        Assert.Equal(Math.Sqrt(scheduler.SmallVariance(500)), Deviation(-1), 1e-5);
    }

    [Fact]
    public void Timesteps_of_ones_own_are_taken()
    {
        using var chosen = new DdpmScheduler();
        chosen.SetTimesteps(10);
        double expected = DummyDiffusion.Run(chosen).Sum;
        using var own = new DdpmScheduler();
        own.SetTimesteps([.. Enumerable.Range(0, 10).Select(i => 900 - 100 * i)]);
        Assert.Equal(expected, DummyDiffusion.Run(own).Sum);
    }

    [Fact]
    public void Betas_follow_the_papers()
    {
        // Nichol, Dhariwal 2021, eq. 17.
        IReadOnlyList<float> cosine = new NoiseSchedule(new() { BetaSchedule = NoiseScheduleKind.Cosine }).AlphasCumulative;
        static double F(double t) => Math.Pow(Math.Cos((t / 1000 + 0.008) / 1.008 * Math.PI / 2), 2);
        foreach (int t in (int[])[0, 100, 500, 900])
            Assert.Equal(F(t + 1) / F(0), cosine[t], 1e-4);

        // Rombach et al. 2021.
        IReadOnlyList<float> scaled = new NoiseSchedule(
            new() { BetaSchedule = NoiseScheduleKind.ScaledLinear, BetaStart = 0.0004, BetaEnd = 0.0196 }).Betas;
        Assert.Equal(Math.Pow(0.02 + (0.14 - 0.02) * 333 / 999, 2), scaled[333], 1e-6);

        // A logistic function of −6 to 6.
        IReadOnlyList<float> sigmoid = new NoiseSchedule(new() { BetaSchedule = NoiseScheduleKind.Sigmoid }).Betas;
        Assert.Equal(1e-4 + (0.02 - 1e-4) / (1 + Math.Exp(6)), sigmoid[0], 1e-7);

        // Lin et al. 2023, algorithm 1: the first keeps its size, and nothing is left at the last.
        IReadOnlyList<float> plain = new NoiseSchedule(new()).AlphasCumulative,
            rescaled = new NoiseSchedule(new() { RescaleBetasZeroSnr = true }).AlphasCumulative;
        Assert.Equal((0f, plain[0]), (rescaled[^1], rescaled[0]));
        double first = Math.Sqrt(plain[0]), last = Math.Sqrt(plain[^1]);
        Assert.Equal(Math.Pow((Math.Sqrt(plain[500]) - last) * first / (first - last), 2), rescaled[500], 1e-4);
    }

    [Fact]
    public void The_forward_process_has_the_mean_and_the_variance_of_the_paper()
    {
        using DisposeScope scope = NewDisposeScope();
        using var scheduler = new DdpmScheduler();
        using var generator = new Generator(3);
        IReadOnlyList<float> cumulative = new NoiseSchedule(new()).AlphasCumulative;
        foreach (int t in (int[])[10, 300, 999])
        {
            // Step by step, x[t] = √(1 − β) x[t − 1] + √β ε, comes to the same as at once.
            Tensor x = full([20_000], 0.8f);
            foreach (float beta in new NoiseSchedule(new()).Betas.Take(t + 1))
                x = x * MathF.Sqrt(1 - beta) + MathF.Sqrt(beta) * randn(20_000, generator: generator);
            Tensor atOnce = scheduler.AddNoise(
                full([20_000, 1], 0.8f), randn([20_000, 1], generator: generator), tensor(new[] { (long)t }));
            foreach (Tensor found in (Tensor[])[x, atOnce])
            {
                Assert.Equal(0.8 * Math.Sqrt(cumulative[t]), found.mean().ToDouble(), 0.03);
                Assert.Equal(1 - cumulative[t], found.var().ToDouble(), 0.03);
            }
        }
    }
}
