using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The optimizers of a GPU, which libtorch has for the CPU, too.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class FusedKernelsTests
{
    // Numbers that nobody holds are freed while libtorch reads them.
    [Fact]
    public void Numbers_survive_the_garbage_collections_of_other_threads()
    {
        TorchRuntime.EnsureLoaded();
        using torch.Tensor weights = torch.zeros(4), gradients = torch.ones(4), m = torch.zeros(4), v = torch.zeros(4);
        // The first call compiles.
        FusedKernels.Adam(weights, gradients, m, v, new AdamStep(0.5, 0.9, 0.99, 0, 0, IsDecoupled: true, 1));
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        var other = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
                GC.Collect(0);
        });
        other.Start();
        for (int step = 2; !stop.IsCancellationRequested; step++)
        {
            // A gradient that is always the same has moments that are always itself.
            FusedKernels.Adam(weights, gradients, m, v, new AdamStep(0.5, 0.9, 0.99, 0, 0, IsDecoupled: step % 2 == 0, step));
            Assert.Equal(-0.5 * step, weights[2].item<float>(), 1e-3 * step);
        }

        other.Join();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    public void Descent_is_that_of_its_formula(double momentum)
    {
        TorchRuntime.EnsureLoaded();
        using torch.Tensor weights = torch.zeros(4), gradients = torch.ones(4), velocity = torch.zeros(4);
        (double expected, double speed) = (0, 0);
        for (int step = 1; step <= 5; step++)
        {
            FusedKernels.Sgd(weights, gradients, velocity, new SgdStep(0.25, momentum, 0, step));
            speed = momentum * speed + 1;
            expected -= 0.25 * speed;
            Assert.Equal(expected, weights[2].item<float>(), 1e-6);
        }
    }
}
