using Microsoft.ML.Generative.Schedulers;
using static Microsoft.ML.Generative.Tests.DummyDiffusion;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Whole loops come to the figures that diffusers publishes for the same configuration (its tests/schedulers).</summary>
public class PublishedFigureTests
{
    private static NoiseScheduleOptions Longer => new() { TrainTimesteps = 1100 };

    private static NoiseScheduleOptions Steeper => new() { BetaStart = 0.01 };

    [Theory]
    [InlineData(PredictionType.Epsilon, 258.9606, 0.3372, 0)]
    [InlineData(PredictionType.Velocity, 202.0296, 0.2631, 0)]
    [InlineData(PredictionType.Epsilon, 387.9466, 0.5051, 998)]
    public void Ddpm(PredictionType prediction, double sum, double mean, int start) =>
        Check(new DdpmScheduler(new() { PredictionType = prediction }), sum, mean, start);

    [Theory]
    [InlineData(PredictionType.Epsilon, 172.0067, 0.223967, 0)]
    [InlineData(PredictionType.Velocity, 52.5302, 0.0684, 0)]
    [InlineData(PredictionType.Epsilon, 354.5418, 0.4616, 8)]
    public void Ddim(PredictionType prediction, double sum, double mean, int start) =>
        Check(With(new DdimScheduler(new() { PredictionType = prediction }), 10), sum, mean, start);

    [Theory]
    [InlineData(true, 149.8295, 0.1951)]
    [InlineData(false, 149.0784, 0.1941)]
    public void Ddim_to_a_image_or_to_the_first_timestep(bool toOne, double sum, double mean) =>
        Check(With(new DdimScheduler(new() { Schedule = Steeper, SetAlphaToOne = toOne }), 10), sum, mean);

    [Theory]
    [InlineData(PredictionType.Epsilon, 671.6816, 0.8746)]
    [InlineData(PredictionType.Velocity, 1394.2185, 1.8154)]
    public void Ddim_backwards(PredictionType prediction, double sum, double mean) =>
        Check(With(new DdimInverseScheduler(new() { PredictionType = prediction }), 10), sum, mean);

    [Theory]
    [InlineData(true, 539.9622, 0.7031)]
    [InlineData(false, 542.6722, 0.7066)]
    public void Ddim_backwards_from_a_image_or_from_the_first_timestep(bool toOne, double sum, double mean) =>
        Check(With(new DdimInverseScheduler(new() { Schedule = Steeper, SetAlphaToOne = toOne }), 10), sum, mean);

    [Theory]
    [InlineData(PredictionType.Epsilon, 198.1318, 0.2580)]
    [InlineData(PredictionType.Velocity, 67.3986, 0.0878)]
    public void Pndm(PredictionType prediction, double sum, double mean) =>
        Check(With(new PndmScheduler(new() { PredictionType = prediction }), 10), sum, mean);

    [Theory]
    [InlineData(true, 230.0399, 0.2995)]
    [InlineData(false, 186.9482, 0.2434)]
    public void Pndm_to_a_image_or_to_the_first_timestep(bool toOne, double sum, double mean) =>
        Check(With(new PndmScheduler(new() { Schedule = Steeper, SetAlphaToOne = toOne }), 10), sum, mean);

    [Theory]
    [InlineData(PredictionType.Epsilon, 1006.388, 1.31, 0)]
    [InlineData(PredictionType.Velocity, 0.0017, 2.2676e-06, 0)]
    // diffusers' own class weighs the first direction as if there were three before it (27663.6895); this is the figure of its formula with
    // the order that there is.
    [InlineData(PredictionType.Epsilon, 57074.7578, 74.3161, 8)]
    public void Lms(PredictionType prediction, double sum, double mean, int start) =>
        Check(With(new LmsScheduler(new() { Schedule = Longer, PredictionType = prediction }), 10), sum, mean, start);

    [Fact]
    public void Lms_with_Karras_sigmas() =>
        Check(With(new LmsScheduler(new() { Schedule = Longer, UseKarrasSigmas = true }), 10), 3812.9927, 4.9648, tolerance: 0.02);

    [Theory]
    [InlineData(PredictionType.Epsilon, 10.0807, 0.0131, 0)]
    [InlineData(PredictionType.Velocity, 0.0002, 2.2676e-06, 0)]
    [InlineData(PredictionType.Epsilon, 57062.9297, 74.3007, 8)]
    public void Euler(PredictionType prediction, double sum, double mean, int start) =>
        Check(With(new EulerScheduler(new() { Schedule = Longer, PredictionType = prediction }), 10), sum, mean, start);

    [Fact]
    public void Euler_with_Karras_sigmas() =>
        Check(With(new EulerScheduler(new() { Schedule = Longer, UseKarrasSigmas = true }), 10), 124.52299499511719, 0.16213932633399963);

    [Theory]
    [InlineData(PredictionType.Epsilon, 152.3192, 0.1983, 0)]
    [InlineData(PredictionType.Velocity, 108.4439, 0.1412, 0)]
    [InlineData(PredictionType.Epsilon, 56163.0508, 73.1290, 8)]
    public void Euler_ancestral(PredictionType prediction, double sum, double mean, int start) =>
        Check(With(new EulerAncestralScheduler(new() { Schedule = Longer, PredictionType = prediction }), 10), sum, mean, start);

    [Theory]
    [InlineData(PredictionType.Epsilon, 0.1233, 0.0002, 0)]
    [InlineData(PredictionType.Velocity, 4.6934e-07, 6.1112e-10, 0)]
    [InlineData(PredictionType.Epsilon, 75074.8906, 97.7538, 16)]
    public void Heun(PredictionType prediction, double sum, double mean, int start) =>
        Check(With(new HeunScheduler(new() { Schedule = Longer, PredictionType = prediction }), 10), sum, mean, start);

    [Fact]
    public void Heun_with_Karras_sigmas() =>
        Check(With(new HeunScheduler(new() { Schedule = Longer, UseKarrasSigmas = true }), 10), 0.00015, 1.9869554535034695e-07);

    [Theory]
    [InlineData(PredictionType.Epsilon, false, false, 0.3301)]
    [InlineData(PredictionType.Velocity, false, false, 0.2251)]
    [InlineData(PredictionType.Velocity, true, false, 0.2096)]
    [InlineData(PredictionType.Velocity, false, true, 0.1554)]
    public void Dpm_solver(PredictionType prediction, bool usesKarras, bool usesLu, double mean) =>
        Check(With(new DpmSolverMultistepScheduler(
            Dpm with { PredictionType = prediction, UseKarrasSigmas = usesKarras, UseLuLambdas = usesLu }), 10), null, mean);

    [Fact]
    public void Dpm_solver_with_dynamic_thresholding() =>
        Check(With(new DpmSolverMultistepScheduler(
            Dpm with { Thresholding = true, DynamicThresholdingRatio = 0.87, SampleMaxValue = 0.5 }), 10), null, 1.1364);

    [Fact]
    public void Dpm_solver_from_the_middle() =>
        Check(With(new DpmSolverMultistepScheduler(Dpm), 10), 318.4111, 0.4146, start: 5);

    [Theory]
    [InlineData(PredictionType.Epsilon, false, 0.2464)]
    [InlineData(PredictionType.Epsilon, true, 0.2925)]
    [InlineData(PredictionType.Velocity, false, 0.1014)]
    [InlineData(PredictionType.Velocity, true, 0.1966)]
    public void Uni_pc(PredictionType prediction, bool usesKarras, double mean) =>
        Check(With(new UniPcScheduler(UniPc with { PredictionType = prediction, UseKarrasSigmas = usesKarras }), 10), null, mean);

    [Fact]
    public void Uni_pc_from_the_middle() => Check(With(new UniPcScheduler(UniPc), 10), 315.5757, 0.4109, start: 8);

    [Theory]
    [InlineData(PredictionType.Epsilon, false, null, 0.2441, 0)]
    [InlineData(PredictionType.Epsilon, true, null, 0.2898, 0)]
    [InlineData(PredictionType.Velocity, false, null, 0.1014, 0)]
    [InlineData(PredictionType.Velocity, true, null, 0.1944, 0)]
    [InlineData(PredictionType.Epsilon, false, 39.0870, 0.4072, 8)]
    public void Uni_pc_of_lines(PredictionType prediction, bool usesKarras, double? sum, double mean, int start) =>
        Check(
            With(new UniPcScheduler(UniPc with { PredictionType = prediction, UseKarrasSigmas = usesKarras }), 10), sum, mean, start,
            isLine: true);

    [Theory]
    [InlineData(420, 400, 0.14771)]
    [InlineData(980, 960, 0.32460)]
    [InlineData(487, 486, 0.00979)]
    [InlineData(999, 998, 0.02)]
    public void Variances_of_Ddim(int timestep, int previous, double expected)
    {
        using var scheduler = new DdimScheduler();
        Assert.Equal(expected, scheduler.Variance(timestep, previous), 1e-5);
    }

    [Fact]
    public void Variances_of_Ddpm()
    {
        using var scheduler = new DdpmScheduler();
        Assert.Equal(0, scheduler.SmallVariance(0), 1e-5);
        Assert.Equal(0.00979, scheduler.SmallVariance(487), 1e-5);
        Assert.Equal(0.02, scheduler.SmallVariance(999), 1e-5);
    }

    [Fact]
    public void Timesteps_with_an_offset()
    {
        Assert.Equal([801, 601, 401, 201, 1], With(new DdimScheduler(new() { StepsOffset = 1 }), 5).Timesteps);
        Assert.Equal([1, 201, 401, 601, 801], With(new DdimInverseScheduler(new() { StepsOffset = 1 }), 5).Timesteps);
        Assert.Equal(
            [901, 851, 851, 801, 801, 751, 751, 701, 701, 651, 651, 601, 601, 501, 401, 301, 201, 101, 1],
            With(new PndmScheduler(new() { StepsOffset = 1 }), 10).Timesteps);
    }

    private static DpmSolverMultistepSchedulerOptions Dpm => new() { LowerOrderFinal = false, FinalSigmasType = FinalSigmasType.SigmaMin };

    private static UniPcSchedulerOptions UniPc => new() { FinalSigmasType = FinalSigmasType.SigmaMin };
}
