using Microsoft.ML.Generative.Tests;
using Module02;
using Samples.Shared;
using TorchSharp;

namespace Samples.Tests;

/// <summary>All sections, once, with few images; the tests look at what they computed and wrote.</summary>
public sealed class Module02Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module02Run()
    {
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(_folder.Path)));
        Forward = ForwardSection.Run(lesson);
        Backward = BackwardSection.Run(lesson);
        Optimizers = OptimizerSection.Run(lesson);
        Convolution = ConvolutionSection.Run(lesson);
        Overfitting = OverfittingSection.Run(lesson);
        Search = SearchSection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path);
    }

    internal ForwardSection.Result Forward { get; }

    internal BackwardSection.Result Backward { get; }

    internal OptimizerSection.Result Optimizers { get; }

    internal ConvolutionSection.Result Convolution { get; }

    internal OverfittingSection.Result Overfitting { get; }

    internal SearchSection.Result Search { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module02Tests(Module02Run run) : IClassFixture<Module02Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(11, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_every_image_and_no_other() => LessonFiles.AreNamed(run.Images, "Module02");

    [Fact]
    public void The_lesson_quotes_the_program_as_it_is() => LessonFiles.QuoteTheProgram("Module02");

    [Fact]
    public void A_network_starts_at_guessing_and_learns()
    {
        Assert.Equal(Math.Log(10), run.Forward.LossBefore, 0.3);
        Assert.InRange(run.Forward.LossAfter, 0, 0.6);
        Assert.InRange(run.Forward.Accuracy, 0.85, 1);
        Assert.InRange(run.Forward.Dead, 0, 8);
    }

    [Fact]
    public void The_written_out_gradient_is_that_of_finite_differences_and_of_libtorch()
    {
        Assert.InRange(run.Backward.DifferenceError, 0, 1e-8);
        Assert.InRange(run.Backward.AutogradError, 0, 1e-14);
    }

    [Fact]
    public void The_written_out_optimizers_step_as_libtorch_s_do()
    {
        // The first import of libtorch goes through the library.
        _ = run;
        AssertSame(new GradientDescent(0.05), w => torch.optim.SGD([w], 0.05));
        AssertSame(new MomentumDescent(0.02), w => torch.optim.SGD([w], 0.02, momentum: 0.9));
        AssertSame(new Adam(0.1), w => torch.optim.Adam([w], 0.1));

        // f(w) = (w₁² + 25 w₂²) / 2 + w₁ w₂
        static void AssertSame(IOptimizer own, Func<TorchSharp.Modules.Parameter, torch.optim.Optimizer> create)
        {
            using var scope = torch.NewDisposeScope();
            double[] w = [-4, 1.5];
            var parameter = torch.nn.Parameter(torch.tensor(w));
            torch.optim.Optimizer optimizer = create(parameter);
            var curvature = torch.tensor(new double[,] { { 1, 1 }, { 1, 25 } });
            for (int step = 0; step < 20; step++)
            {
                own.Step(w, [w[0] + w[1], w[0] + 25 * w[1]]);
                optimizer.zero_grad();
                (parameter.dot(curvature.mv(parameter)) * 0.5).backward();
                optimizer.step();
            }

            double[] expected = parameter.data<double>().ToArray();
            Assert.Equal(expected[0], w[0], 1e-9);
            Assert.Equal(expected[1], w[1], 1e-9);
        }
    }

    [Fact]
    public void Momentum_and_Adam_get_further_down_than_plain_descent_in_the_same_time()
    {
        Dictionary<string, OptimizerSection.Outcome> outcomes = run.Optimizers.Outcomes.ToDictionary(outcome => outcome.Name);
        Assert.True(outcomes["momentum"].FinalLoss < 0.5 * outcomes["gradient descent"].FinalLoss);
        Assert.True(outcomes["Adam"].FinalLoss < 0.5 * outcomes["gradient descent"].FinalLoss);
        Assert.All(outcomes.Values, outcome => Assert.InRange(outcome.Accuracy, 0.8, 1));
        Assert.All(run.Optimizers.Valley, height => Assert.InRange(height, 0, 1));
    }

    [Fact]
    public void A_convolutional_network_classifies_shifted_images_and_an_MLP_does_not()
    {
        Assert.True(run.Convolution.Convolutional > run.Convolution.Mlp);
        var (shift, mlp, convolutional) = run.Convolution.Shifted[^1];
        Assert.Equal(4, shift);
        Assert.True(convolutional > mlp + 0.3);
        Assert.Equal(
            (run.Convolution.Mlp, run.Convolution.Convolutional),
            (run.Convolution.Shifted[0].Mlp, run.Convolution.Shifted[0].Convolutional));
    }

    [Fact]
    public void A_network_overfits_few_images_and_shifting_them_helps()
    {
        var (plain, shifted) = (run.Overfitting.Variants[0], run.Overfitting.Variants[1]);
        Assert.True(plain.Validation > 4 * plain.Training);
        Assert.True(shifted.Validation < plain.Validation);
        Assert.True(shifted.Accuracy > plain.Accuracy);
    }

    [Fact]
    public void The_search_tries_everything_and_chooses_by_the_validation_loss()
    {
        Assert.Equal(8, run.Search.Trials.Select(trial => (trial.Rate, trial.Width, trial.Batch)).Distinct().Count());
        Assert.Equal(run.Search.Trials.Min(trial => trial.Loss), run.Search.Best.Loss);
        Assert.InRange(run.Search.TestAccuracy, 0.9, 1);
    }
}
