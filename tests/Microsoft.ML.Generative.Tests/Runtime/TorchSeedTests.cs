using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TorchSeedTests
{
    [Fact]
    public void A_scope_draws_by_its_seed_and_gives_the_generator_back()
    {
        float Draw()
        {
            using torch.Tensor drawn = torch.rand(1);
            return drawn.item<float>();
        }

        torch.random.manual_seed(3).Dispose();
        (float first, float second) = (Draw(), Draw());

        torch.random.manual_seed(3).Dispose();
        Assert.Equal(first, Draw());
        float a = TorchSeed.Initialize(8, Draw), b = TorchSeed.Initialize(8, Draw), c = TorchSeed.Initialize(9, Draw);
        Assert.Equal(a, b);
        Assert.NotEqual(a, c);
        Assert.Equal(second, Draw());
    }

    [Fact]
    public void Networks_made_side_by_side_are_those_of_their_seeds()
    {
        // The pause lets another thread in between two layers.
        float[] Make(int seed) => TorchSeed.Initialize(seed, () =>
        {
            using var first = torch.nn.Linear(3, 3);
            Thread.Sleep(1);
            using var second = torch.nn.Linear(3, 3);
            return (float[])[.. Toys.Numbers(first), .. Toys.Numbers(second)];
        });

        float[][] alone = [.. Enumerable.Range(0, 40).Select(Make)];
        var together = new float[40][];
        Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 8 }, seed =>
        {
            using (TorchSeed.Scope(1000 + seed))
                together[seed] = Make(seed);
        });
        Assert.Equal(alone, together);
    }
}
