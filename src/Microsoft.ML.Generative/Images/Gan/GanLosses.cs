using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>The losses of adversarial training, averaged over the rows, and the penalties on the discriminator's gradient.</summary>
internal static class GanLosses
{
    /// <param name="objective">The objective.</param>
    /// <param name="real">D of real rows, [batch].</param>
    /// <param name="generated">D of generated rows, [batch].</param>
    /// <param name="smoothing">How far below 1 the target of real rows is.</param>
    public static Tensor Discriminator(GanObjective objective, Tensor real, Tensor generated, double smoothing = 0) => objective switch
    {
        // Cross entropy of a logit: softplus(−D) for target 1, softplus(D) for target 0.
        GanObjective.NonSaturating when smoothing == 0 => (-real).Softplus().mean().Plus(generated.Softplus().mean()),
        GanObjective.NonSaturating =>
            (-real).Softplus().mean().Times(1 - smoothing).Plus(real.Softplus().mean(), smoothing).Plus(generated.Softplus().mean()),
        GanObjective.LeastSquares => real.Plus(smoothing - 1).Squared().mean().Plus(generated.Squared().mean()).Times(0.5),
        GanObjective.Hinge => F.relu((-real).Plus(1)).mean().Plus(F.relu(generated.Plus(1)).mean()),
        _ => generated.mean() - real.mean(),
    };

    /// <param name="objective">The objective.</param>
    /// <param name="generated">D of generated rows, [batch].</param>
    public static Tensor Generator(GanObjective objective, Tensor generated) => objective switch
    {
        GanObjective.NonSaturating => (-generated).Softplus().mean(),
        GanObjective.LeastSquares => generated.Plus(-1).Squared().mean().Times(0.5),
        _ => -generated.mean(),
    };

    /// <summary>½ E‖∇D‖²: R1 at real rows, R2 at generated ones (Mescheder et al. 2018, eq. 9), without its weight.</summary>
    /// <param name="scores">D of the rows, [batch].</param>
    /// <param name="rows">The rows, which require gradients.</param>
    public static Tensor SquaredGradient(Tensor scores, Tensor rows) => Gradient(scores, rows).Squared().sum([1]).mean().Times(0.5);

    /// <summary>E(‖∇D‖ − 1)² on lines between real and generated rows (Gulrajani et al. 2017, eq. 3), without its weight.</summary>
    /// <param name="discriminator">D.</param>
    /// <param name="real">Real rows.</param>
    /// <param name="generated">As many generated rows.</param>
    /// <param name="position">Where on the line each row is, [batch], 0 for the generated.</param>
    public static Tensor GradientPenalty(Func<Tensor, Tensor> discriminator, Tensor real, Tensor generated, Tensor position)
    {
        long[] perRow = [real.size(0), .. Enumerable.Repeat(1L, (int)real.dim() - 1)];
        Tensor between = lerp(generated.detach(), real.detach(), position.view(perRow)).requires_grad_(true);
        // The root has no derivative at 0.
        Tensor norm = Gradient(discriminator(between), between).Squared().sum([1]).Plus(1e-12).sqrt();
        return norm.Plus(-1).Squared().mean();
    }

    // [batch, values]
    private static Tensor Gradient(Tensor scores, Tensor rows) =>
        autograd.grad([scores.sum()], [rows], create_graph: true, retain_graph: true)[0].flatten(1);
}
