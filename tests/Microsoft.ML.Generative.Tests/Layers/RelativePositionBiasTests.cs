using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class RelativePositionBiasTests
{
    private static readonly RelativePositionShape _encoder = new(Heads: 3, Buckets: 32, MaxDistance: 128, IsBidirectional: true);

    // Published values of T5's code; and by hand of its formula: half of the buckets are exact, in an encoder of each direction.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 1)]
    [InlineData(1, 17)]
    [InlineData(-7, 7)]
    [InlineData(-8, 8)]
    [InlineData(-16, 10)]
    [InlineData(-32, 12)]
    [InlineData(-40, 12)]
    [InlineData(20, 26)]
    [InlineData(-127, 15)]
    [InlineData(-128, 15)]
    [InlineData(100_000, 31)]
    public void An_encoders_distances_have_the_buckets_of_the_paper(int relative, int bucket) =>
        Assert.Equal(bucket, BucketOf(relative, _encoder));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 0)]
    [InlineData(-15, 15)]
    [InlineData(-16, 16)]
    [InlineData(-25, 19)]
    [InlineData(-100, 30)]
    [InlineData(-128, 31)]
    [InlineData(-100_000, 31)]
    public void A_decoders_distances_have_the_buckets_of_the_paper(int relative, int bucket) =>
        Assert.Equal(bucket, BucketOf(relative, _encoder with { IsBidirectional = false }));

    [Fact]
    public void A_head_has_the_value_of_the_keys_distance_to_the_query()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var bias = new RelativePositionBias(_encoder);
        float[] table = TensorMemory.ToArray<float>(bias.Buckets.Weight.detach()); // [32, 3]

        torch.Tensor found = bias.Bias(torch.tensor(new long[] { 5, 0 }, [1, 2]), 4); // [1, 3, 2, 4]

        Assert.Equal([1, 3, 2, 4], found.shape);
        int[,] buckets = { { 5, 4, 3, 2 }, { 0, 17, 18, 19 } };
        for (int head = 0; head < 3; head++)
        {
            for (int query = 0; query < 2; query++)
            {
                for (int key = 0; key < 4; key++)
                    Assert.Equal(table[buckets[query, key] * 3 + head], found[0, head, query, key].item<float>());
            }
        }
    }

    private static long BucketOf(long relative, RelativePositionShape shape)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return RelativePositionBias.BucketsOf(torch.tensor([relative]), shape).item<long>();
    }
}
