using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class GanLossesTests
{
    private static readonly float[] _real = [1.5f, -0.5f];
    private static readonly float[] _generated = [-2f, 0.25f];

    // By hand: softplus(x) = log(1 + e^x).
    [Theory]
    [InlineData(GanObjective.NonSaturating, 0.0, 0.5877452 + 0.4764335)]
    [InlineData(GanObjective.NonSaturating, 0.1, 0.6377452 + 0.4764335)]
    [InlineData(GanObjective.LeastSquares, 0.0, 0.5 * (1.25 + 2.03125))]
    [InlineData(GanObjective.LeastSquares, 0.1, 0.5 * (1.16 + 2.03125))]
    [InlineData(GanObjective.Hinge, 0.0, 0.75 + 0.625)]
    [InlineData(GanObjective.Wasserstein, 0.0, -0.875 - 0.5)]
    [InlineData(GanObjective.WassersteinGradientPenalty, 0.0, -0.875 - 0.5)]
    public void The_discriminators_loss_is_what_the_objective_says(GanObjective objective, double smoothing, double expected)
    {
        Assert.Equal(expected, GanLosses.Discriminator(objective, tensor(_real), tensor(_generated), smoothing).ToDouble(), 5);
    }

    [Theory]
    [InlineData(GanObjective.NonSaturating, 1.3514335)]
    [InlineData(GanObjective.LeastSquares, 0.5 * (9 + 0.5625) / 2)]
    [InlineData(GanObjective.Hinge, 0.875)]
    [InlineData(GanObjective.Wasserstein, 0.875)]
    [InlineData(GanObjective.WassersteinGradientPenalty, 0.875)]
    public void The_generators_loss_is_what_the_objective_says(GanObjective objective, double expected)
    {
        Assert.Equal(expected, GanLosses.Generator(objective, tensor(_generated)).ToDouble(), 5);
    }

    [Fact]
    public void The_squared_gradient_of_a_linear_discriminator_is_half_its_squared_norm_and_its_own_gradient_is_the_weight()
    {
        Tensor weight = tensor(new float[] { 3, -4 }).requires_grad_(true);
        Tensor rows = randn(5, 2).requires_grad_(true);
        Tensor penalty = GanLosses.SquaredGradient(mv(rows, weight), rows);
        Assert.Equal(12.5, penalty.ToDouble(), 5);

        penalty.backward();
        Assert.Equal([3f, -4f], weight.grad!.data<float>().ToArray());
    }

    // D(x) = ½ a‖x‖² has the gradient a x: ½ E‖∇D‖² = ½ a² E‖x‖², and its derivative by a is a E‖x‖².
    [Fact]
    public void The_squared_gradient_of_a_quadratic_discriminator_is_that_of_the_closed_form()
    {
        Tensor a = tensor(2f).requires_grad_(true);
        Tensor rows = tensor(new float[] { 1, 2, 0, -3 }, [2, 2]).requires_grad_(true);
        Tensor penalty = GanLosses.SquaredGradient((rows.square().sum([1]) * a).Times(0.5), rows);
        Assert.Equal(0.5 * 4 * 7, penalty.ToDouble(), 5);

        penalty.backward();
        Assert.Equal(14, a.grad!.ToDouble(), 5);
    }

    [Fact]
    public void The_gradient_penalty_of_a_linear_discriminator_is_that_of_the_closed_form()
    {
        Tensor weight = tensor(new float[] { 3, -4 }).requires_grad_(true);
        Tensor penalty = GanLosses.GradientPenalty(x => mv(x, weight), randn(6, 2), randn(6, 2), rand(6));
        Assert.Equal(16, penalty.ToDouble(), 4);

        // d/dw (‖w‖ − 1)² = 2 (‖w‖ − 1) w / ‖w‖
        penalty.backward();
        Assert.Equal(2 * 4 * 0.6, weight.grad![0].ToDouble(), 4);
        Assert.Equal(-2 * 4 * 0.8, weight.grad![1].ToDouble(), 4);
    }

    // D(x) = ½‖x‖² has the gradient x; on the line between 0 and (4, 0) at t its norm is 4 t.
    [Fact]
    public void The_gradient_penalty_is_taken_between_real_and_generated_rows()
    {
        Tensor real = tensor(new float[] { 4, 0, 4, 0 }, [2, 2]), generated = zeros(2, 2);
        Tensor penalty = GanLosses.GradientPenalty(x => x.square().sum([1]).Times(0.5), real, generated, tensor(new float[] { 0.25f, 1 }));
        Assert.Equal((0 + 9) / 2.0, penalty.ToDouble(), 4);
    }
}
