using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Tests;

public sealed class LearningRatesTests
{
    [Theory]
    [InlineData(1, 0.02)]
    [InlineData(5, 0.1)]
    [InlineData(10, 0.2)]
    [InlineData(11, 0.2)]
    [InlineData(110, 0.2)]
    public void A_warm_up_rises_in_a_straight_line_to_the_peak(long step, double expected) =>
        Assert.Equal(expected, At(LearningRateSchedule.Constant, warmup: 10, final: 0, step), 1e-12);

    // Closed forms with 100 steps after the warm-up and a floor of a tenth of the peak: cos 0 = 1, cos π/3 = 1/2, cos π/2 = 0, cos π = −1.
    [Theory]
    [InlineData(LearningRateSchedule.Cosine, 11, 0.2)]
    [InlineData(LearningRateSchedule.Cosine, 61, 0.2 * (0.1 + 0.9 * 0.5))]
    [InlineData(LearningRateSchedule.Cosine, 111, 0.02)]
    [InlineData(LearningRateSchedule.Linear, 11, 0.2)]
    [InlineData(LearningRateSchedule.Linear, 36, 0.2 * (0.1 + 0.9 * 0.75))]
    [InlineData(LearningRateSchedule.Linear, 111, 0.02)]
    [InlineData(LearningRateSchedule.Constant, 110, 0.2)]
    public void A_schedule_goes_from_the_peak_to_its_floor(LearningRateSchedule schedule, long step, double expected) =>
        Assert.Equal(expected, At(schedule, warmup: 10, final: 0.1, step), 1e-12);

    [Fact]
    public void A_third_of_a_cosine_is_three_quarters_of_the_peak() =>
        Assert.Equal(0.75 * 0.2, LearningRates.At(Options(LearningRateSchedule.Cosine, 0, 0), 31, 90), 1e-12);

    [Theory]
    [InlineData(LearningRateSchedule.Cosine)]
    [InlineData(LearningRateSchedule.Linear)]
    public void The_only_step_of_a_training_still_learns(LearningRateSchedule schedule) =>
        Assert.Equal(0.2, LearningRates.At(Options(schedule, 0, 0), 1, 1), 1e-12);

    [Fact]
    public void A_warm_up_as_long_as_the_training_ends_at_the_peak() =>
        Assert.Equal(0.2, LearningRates.At(Options(LearningRateSchedule.Linear, 10, 0), 10, 10), 1e-12);

    private static double At(LearningRateSchedule schedule, long warmup, double final, long step) =>
        LearningRates.At(Options(schedule, warmup, final), step, totalSteps: 110);

    private static ToyOptions Options(LearningRateSchedule schedule, long warmup, double final) =>
        new() { LearningRate = 0.2, LearningRateSchedule = schedule, WarmupSteps = warmup, FinalLearningRate = final };
}
