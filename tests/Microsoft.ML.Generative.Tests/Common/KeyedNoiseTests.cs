using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class KeyedNoiseTests
{
    [Fact]
    public void Noise_of_rows_depends_on_their_keys_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        long[] keys = SeedSequence.DeriveMany(5, 0, 4);
        var all = new KeyedNoise(keys, [1, 3, 4], CPU);
        var last = new KeyedNoise(keys[3..], [1, 3, 4], CPU);
        for (int sample = 0; sample < 3; sample++)
            Assert.Equal(0, (all.Next()[3..] - last.Next()).abs().max().ToDouble());
        Assert.Equal(keys[2..], SeedSequence.DeriveMany(5, 2, 2));
        Tensor many = new KeyedNoise(SeedSequence.DeriveMany(1, 0, 500), [1, 3, 4], CPU).Next();
        Assert.Equal(0, many.mean().ToDouble(), 0.05);
        Assert.Equal(1, many.std().ToDouble(), 0.05);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.5)]
    public void Noise_does_not_depend_on_the_number_of_threads(double? bound)
    {
        using DisposeScope scope = NewDisposeScope();
        float[] Sample(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            return TensorMemory.ToArray<float>(new KeyedNoise(SeedSequence.DeriveMany(3, 0, 401), [7], CPU) { Bound = bound }.Next());
        }

        Assert.Equal(Sample(1), Sample(2));
    }

    [Fact]
    public void Values_beyond_the_bound_are_sampled_again()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] values = TensorMemory.ToArray<float>(new KeyedNoise(SeedSequence.DeriveMany(1, 0, 500), [9], CPU) { Bound = 0.5 }.Next());
        Assert.All(values, value => Assert.InRange(value, -0.5f, 0.5f));
        // Of the truncated normal distribution: 1 − φ(½) / (2Φ(½) − 1) is its variance.
        Assert.Equal(Math.Sqrt(1 - 0.3520653 / 0.3829249), Math.Sqrt(values.Average(value => value * value)), 0.01);
    }
}
