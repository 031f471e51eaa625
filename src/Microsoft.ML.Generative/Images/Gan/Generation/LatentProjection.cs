using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan.Generation;

/// <summary>Finds the z whose row is nearest to a given one, by the mean squared difference (Zhu et al. 2016, eq. 5).</summary>
/// <param name="network">The generator.</param>
/// <param name="target">The row as the generator outputs it, [1, ..row shape].</param>
/// <param name="label">Its class, [1], for a generator with labels.</param>
internal sealed class LatentProjection(GeneratorNetwork network, Tensor target, Tensor? label)
{
    /// <summary>The nearest of some z, [1, latent].</summary>
    /// <param name="z">[starts, latent].</param>
    public Tensor Nearest(Tensor z)
    {
        using IDisposable noGradient = no_grad();
        long best = Distances(z, label?.expand(z.size(0))).argmin().ToInt64();
        return z.narrow(0, best, 1).clone();
    }

    /// <summary>Moves z, [1, latent], nearer by steps of Adam whose rate falls to 0 on half a cosine.</summary>
    public void Improve(Tensor z, GanProjectOptions options, Action check)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = zeros_like(z), variance = zeros_like(z);
        using IDisposable gradients = enable_grad();
        for (int step = 1; step <= options.Steps; step++)
        {
            check();
            using DisposeScope stepScope = NewDisposeScope();
            Tensor variable = z.detach().requires_grad_(true);
            Tensor gradient = autograd.grad([Distances(variable, label).sum()], [variable])[0];
            using IDisposable noGradient = no_grad();
            double rate = options.LearningRate * ScheduleShapes.CosineDecay((step - 1.0) / options.Steps);
            OptimizerKernels.Adam(
                z.view(-1), gradient.reshape(-1), mean.view(-1), variance.view(-1), new AdamStep(rate, 0.9, 0.999, 1e-8, 0, false, step));
        }
    }

    // [batch]
    private Tensor Distances(Tensor z, Tensor? labels) => (network.Forward(z, labels) - target).Squared().flatten(1).mean([1]);
}
