using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Where samplers begin, what a step goes to, and where a loop is.</summary>
public class TimestepTests
{
    private static readonly NoiseScheduleOptions _zeroSnr = new() { RescaleBetasZeroSnr = true };

    [Fact]
    public void Leading_timesteps_begin_in_the_noisiest_tenth()
    {
        Func<NoiseScheduler>[] all =
        [
            () => new DdimScheduler(), () => new DdpmScheduler(), () => new DdimInverseScheduler(),
            () => new PndmScheduler(new() { SkipPrkSteps = true }),
            () => new EulerScheduler(new() { TimestepSpacing = TimestepSpacing.Leading }),
            () => new EulerAncestralScheduler(new() { TimestepSpacing = TimestepSpacing.Leading }),
            () => new HeunScheduler(new() { TimestepSpacing = TimestepSpacing.Leading }),
            () => new LmsScheduler(new() { TimestepSpacing = TimestepSpacing.Leading }),
            () => new DpmSolverMultistepScheduler(new() { TimestepSpacing = TimestepSpacing.Leading }),
            () => new UniPcScheduler(new() { TimestepSpacing = TimestepSpacing.Leading }),
        ];
        foreach (Func<NoiseScheduler> create in all)
        {
            using NoiseScheduler scheduler = create();
            foreach (int steps in (int[])[3, 7, 30, 60, 333, 501, 600, 777, 999, 1000])
            {
                scheduler.SetTimesteps(steps);
                double[] taken = [.. scheduler.Timesteps.Distinct()];
                Assert.Equal(steps, taken.Length);
                // A stride before the end, or two with a solver that leaves out the first timestep too.
                Assert.True(taken.Max() >= 900 - 2.0 * 1000 / steps, $"{scheduler.GetType().Name}, {steps} steps: {taken.Max()}");
                Assert.InRange(taken.Max(), 0, 999);
            }
        }
    }

    [Fact]
    public void Leading_timesteps_have_whole_strides_where_these_fit()
    {
        Assert.Equal([800, 600, 400, 200, 0], Timesteps(new DdimScheduler(), 5));
        // diffusers: 1000 // 30 = 33, 1000 // 21 = 47.
        Assert.Equal(957, Timesteps(new DdimScheduler(), 30)[0]);
        Assert.Equal((940, 47), (Timesteps(Dpm(), 20)[0], Timesteps(Dpm(), 20)[^1]));
        Assert.Equal((950, 19), (Timesteps(Dpm(), 50)[0], Timesteps(Dpm(), 50)[^1]));
        Assert.Equal(999, Timesteps(Dpm(), 1000)[0]);
        // ⌊599 · 1000 / 600⌋.
        Assert.Equal((998, 0), (Timesteps(new DdimScheduler(), 600)[0], Timesteps(new DdimScheduler(), 600)[^1]));

        static NoiseScheduler Dpm() => new DpmSolverMultistepScheduler(new() { TimestepSpacing = TimestepSpacing.Leading });
        static double[] Timesteps(NoiseScheduler scheduler, int steps)
        {
            using (scheduler)
            {
                scheduler.SetTimesteps(steps);
                return [.. scheduler.Timesteps];
            }
        }
    }

    [Theory]
    [InlineData(TimestepSpacing.Leading)]
    [InlineData(TimestepSpacing.Trailing)]
    [InlineData(TimestepSpacing.Linspace)]
    public void A_step_of_DDIM_goes_to_the_next_timestep_however_far(TimestepSpacing spacing)
    {
        using DisposeScope scope = NewDisposeScope();
        var schedule = new NoiseSchedule(_zeroSnr);
        foreach (int steps in (int[])[3, 7, 60, 500, 600, 999])
        {
            using var scheduler = new DdimScheduler(
                new() { Schedule = _zeroSnr, TimestepSpacing = spacing, PredictionType = PredictionType.Sample, ClipSample = false });
            scheduler.SetTimesteps(steps);
            Tensor image = full(new long[] { 1, 1, 1, 1 }, 0.7f), noise = full(new long[] { 1, 1, 1, 1 }, -1.3f);
            for (int i = 0; i < steps; i += Math.Max(1, steps / 7))
            {
                Tensor found = scheduler.Step(image, scheduler.Timesteps[i], At(scheduler.Timesteps[i])).Previous;
                Tensor expected = i + 1 < steps ? At(scheduler.Timesteps[i + 1]) : image;
                Assert.Equal(expected.item<float>(), found.item<float>(), 1e-4f);
            }

            Tensor At(double t) =>
                Math.Sqrt(schedule.AlphasCumulative[(int)t]) * image + Math.Sqrt(1 - schedule.AlphasCumulative[(int)t]) * noise;
        }
    }

    [Theory]
    [InlineData(TimestepSpacing.Leading, 600)]
    [InlineData(TimestepSpacing.Leading, 60)]
    [InlineData(TimestepSpacing.Trailing, 70)]
    public void DDIM_comes_back_from_the_noise_that_its_inverse_finds(TimestepSpacing spacing, int steps)
    {
        using DisposeScope scope = NewDisposeScope();
        using var inverse = new DdimInverseScheduler(new() { TimestepSpacing = spacing, ClipSample = false });
        using var ddim = new DdimScheduler(new() { TimestepSpacing = spacing, ClipSample = false });
        inverse.SetTimesteps(steps);
        ddim.SetTimesteps(steps);
        Assert.Equal(ddim.Timesteps, inverse.Timesteps.Reverse());
        // The noise is always the same, as where there is but one image.
        Tensor image = full(new long[] { 1, 1, 1, 1 }, 0.7f), noise = full(new long[] { 1, 1, 1, 1 }, -1.3f), sample = image;
        foreach (double t in inverse.Timesteps)
            sample = inverse.Step(noise, t, sample).Previous;
        double last = new NoiseSchedule(new()).AlphasCumulative[(int)inverse.Timesteps[^1]];
        Assert.Equal(Math.Sqrt(last) * 0.7 - Math.Sqrt(1 - last) * 1.3, sample.item<float>(), 1e-4);
        foreach (double t in ddim.Timesteps)
            sample = ddim.Step(noise, t, sample).Previous;
        Assert.Equal(0.7, sample.item<float>(), 1e-2);
    }

    [Theory]
    [InlineData(DdpmVarianceType.FixedSmall)]
    [InlineData(DdpmVarianceType.FixedLarge)]
    [InlineData(DdpmVarianceType.FixedLargeLog)]
    public void The_last_step_of_DDPM_adds_no_noise(DdpmVarianceType variance)
    {
        using DisposeScope scope = NewDisposeScope();
        using var scheduler = new DdpmScheduler(
            new() { TimestepSpacing = TimestepSpacing.Trailing, VarianceType = variance, PredictionType = PredictionType.Sample });
        scheduler.SetTimesteps(50);
        Assert.Equal(19, scheduler.Timesteps[^1]);
        Tensor image = full(new long[] { 1, 1, 1, 1 }, 0.7f);
        Assert.Equal(0.7, scheduler.Step(image, 19, zeros_like(image), () => full_like(image, 100)).Previous.item<float>(), 1e-6);
        Assert.NotEqual(0.7, scheduler.Step(image, 39, zeros_like(image), () => full_like(image, 100)).Previous.item<float>(), 0.1);
    }

    public static TheoryData<string> Equal => [.. _equal.Keys];

    // Timesteps that rounding has made equal.
    private static readonly Dictionary<string, Func<NoiseScheduler>> _equal = new()
    {
        ["Karras"] = () => new DpmSolverMultistepScheduler(new() { UseKarrasSigmas = true }),
        ["Karras, cosine"] = () =>
            new DpmSolverMultistepScheduler(new() { Schedule = new() { BetaSchedule = NoiseScheduleKind.Cosine }, UseKarrasSigmas = true }),
        ["exponential"] = () => new DpmSolverMultistepScheduler(new() { UseExponentialSigmas = true, SolverOrder = 3 }),
        ["Lu"] = () => new DpmSolverMultistepScheduler(new() { UseLuLambdas = true }),
        ["UniPC, Karras"] = () => new UniPcScheduler(new() { UseKarrasSigmas = true }),
        ["UniPC, exponential, cosine"] = () =>
            new UniPcScheduler(new() { Schedule = new() { BetaSchedule = NoiseScheduleKind.Cosine }, UseExponentialSigmas = true }),
    };

    [Theory]
    [MemberData(nameof(Equal))]
    public void Every_timestep_is_taken_once_though_some_are_equal(string name)
    {
        foreach (int steps in (int[])[4, 20, 90])
        {
            using NoiseScheduler scheduler = _equal[name]();
            scheduler.SetTimesteps(steps);
            Assert.Equal(steps, scheduler.Timesteps.Count);
            IEnumerable<int> equal = Enumerable.Range(1, steps - 1).Where(i => scheduler.Timesteps[i] == scheduler.Timesteps[i - 1]);
            foreach (int start in (int[])[0, steps / 2, .. equal.Take(2), .. equal.TakeLast(2)])
            {
                using DisposeScope scope = NewDisposeScope();
                scheduler.SetBeginIndex(start);
                Tensor image = full(new long[] { 1, 1, 1, 1 }, 0.4f),
                    sample = scheduler.AddNoise(image, zeros_like(image), tensor(new[] { scheduler.Timesteps[start] }));
                foreach (double t in scheduler.Timesteps.Skip(start))
                    sample = scheduler.Step(zeros_like(sample), t, sample).Previous;
                Assert.Equal(0.4, sample.item<float>(), 1e-3);
                Assert.Throws<InvalidOperationException>(() => scheduler.Step(sample, scheduler.Timesteps[^1], sample));

                // And where only the timesteps say it.
                scheduler.SetTimesteps(steps);
                foreach (double t in scheduler.Timesteps.Skip(start))
                    sample = scheduler.Step(zeros_like(sample), t, sample).Previous;
            }
        }

        using NoiseScheduler many = _equal[name]();
        many.SetTimesteps(90);
        Assert.True(many.Timesteps.Distinct().Count() < 90);
    }

    [Fact]
    public void A_timestep_out_of_turn_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        using var scheduler = new EulerScheduler();
        scheduler.SetTimesteps(11);
        Tensor sample = zeros(1, 1, 1, 1);
        scheduler.Step(sample, scheduler.Timesteps[3], sample);
        Assert.Contains("next of", Assert.Throws<ArgumentException>(() => scheduler.Step(sample, scheduler.Timesteps[8], sample)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => scheduler.SetBeginIndex(11));
        using var pndm = new PndmScheduler();
        pndm.SetTimesteps(10);
        Assert.Equal([0, 4, 8, 12, 13, 14, 15, 16, 17, 18], pndm.StepStarts);
        Assert.Contains("0, 4, 8, 12", Assert.Throws<ArgumentOutOfRangeException>(() => pndm.SetBeginIndex(1)).Message);
    }

    [Fact]
    public void Samplers_can_be_made_with_the_values_of_Stable_Diffusion()
    {
        foreach (Func<NoiseScheduler> create in (Func<NoiseScheduler>[])[
            () => new HeunScheduler(new() { TimestepSpacing = TimestepSpacing.Leading, StepsOffset = 1 }),
            () => new LmsScheduler(new() { TimestepSpacing = TimestepSpacing.Leading, StepsOffset = 1 })])
        {
            using NoiseScheduler scheduler = create();
            Assert.Equal(999, scheduler.Timesteps[0]);
            using var again = NoiseScheduler.FromConfig(scheduler.ToConfig());
            again.SetTimesteps(50);
            Assert.Equal((981, 1), (again.Timesteps[0], again.Timesteps[^1]));
            Assert.Contains("StepsOffset", Assert.Throws<ArgumentOutOfRangeException>(() => again.SetTimesteps(1000)).Message);
        }
    }
}
