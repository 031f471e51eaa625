using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public class TrainingPhaseTests
{
    private static ToyOptions Sgd => new() { Optimizer = OptimizerKind.Sgd, Momentum = 0, LearningRate = 0.02, MaxSteps = 1 };

    [Fact]
    public void A_learning_rate_factor_scales_the_step_of_its_phase_alone()
    {
        float[] Moved(double factor)
        {
            using var one = new Regression(Sgd);
            float[] before = one.Weights;
            Toys.Loop(one.Options, [one.Phase with { LearningRateFactor = factor }]).Run();
            return [.. one.Weights.Zip(before, (now, then) => now - then)];
        }

        Assert.All(Moved(1).Zip(Moved(3)), m => Assert.Equal(3 * m.First, m.Second, 1e-5));
    }

    [Fact]
    public void What_a_phase_does_after_its_update_sees_the_updated_weights_and_is_seen_by_the_next()
    {
        using var one = new Regression(Sgd);
        one.Options.MaxSteps = 3;
        int calls = 0;
        Toys.Loop(one.Options, [one.Phase with
        {
            AfterUpdate = () =>
            {
                calls++;
                one.Model.weight!.clamp_(-0.01, 0.01);
            },
        }]).Run();
        Assert.Equal(3, calls);
        Assert.All(one.Weights[..2], w => Assert.InRange(Math.Abs(w), 0, 0.0100001f));
    }

    [Fact]
    public void The_norm_of_the_gradient_is_reported_by_name_without_clipping()
    {
        using var one = new Regression(Sgd);
        var reports = new Reports();
        one.Options.Progress = reports;
        float[] before = one.Weights;
        Toys.Loop(one.Options, [one.Phase with { ReportsGradientNorm = true }]).Run();
        double norm = Math.Sqrt(one.Weights.Zip(before, (now, then) => Math.Pow((now - then) / 0.02, 2)).Sum());
        Assert.Equal(norm, reports.All[0].LossTerms["gradient of regression"], 3);
        Assert.Equal(norm, reports.All[0].GradientNorm!.Value, 3);
    }
}
