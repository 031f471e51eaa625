using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TensorArithmeticTests
{
    // a + b of TorchSharp itself fails a few hundred times in as long: its number is freed while libtorch reads it.
    [Fact]
    public void Numbers_survive_the_garbage_collections_of_other_threads()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        var other = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
                GC.Collect(0);
        });
        other.Start();
        using torch.Tensor a = torch.ones(200_000), b = torch.ones(200_000);
        while (!stop.IsCancellationRequested)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor sum = a.Plus(b).Plus(b, 0.5).Plus(0.25).Times(2);
            sum.TimesInPlace(2).PlusInPlace(b).PlusInPlace(b, 3).PlusInPlace(0.5);
            Assert.Equal(15.5, sum[17].ToDouble());
        }

        other.Join();
    }
}
