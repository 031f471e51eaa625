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

    [Fact]
    public void Held_numbers_give_what_the_operators_give()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor a = torch.tensor([-3.5f, -1, 0, 0.3f, 1.7f, 12]), mask = a.gt(0);
        AssertSame(a - 0.3, a.Plus(-0.3));
        AssertSame(1 - a, a.SubtractedFrom(1));
        AssertSame(a / 3, a.Over(3));
        AssertSame(a.remainder(2), a.Remainder(2));
        AssertSame(a.clamp(-1, 1), a.Within(-1, 1));
        AssertSame(a.clamp(-0.1, 0.9), a.Within(-0.1, 0.9));
        AssertSame(a.clamp_min(0.2), a.AtLeast(0.2));
        AssertSame(a.clamp_max(0.2), a.AtMost(0.2));
        AssertSame(a.lt(0.3), a.LessThan(0.3));
        AssertSame(a.gt(0.3), a.GreaterThan(0.3));
        AssertSame(a.ge(1.7), a.GreaterOrEqual(1.7));
        AssertSame(a.eq(12), a.EqualTo(12));
        AssertSame(a.masked_fill(mask, double.NegativeInfinity), a.Masked(mask, double.NegativeInfinity));
        AssertSame(a.clamp(0, 1), a.clone().WithinInPlace(0, 1));
        AssertSame(torch.full_like(a, 0.7), a.clone().FillInPlace(0.7));
        AssertSame(torch.full([2, 3], 0.7, torch.float32), TensorFactory.Constant([2, 3], 0.7, torch.float32));
        AssertSame(torch.arange(5, torch.float64), TensorFactory.Range(5, torch.float64));
    }

    [Fact]
    public void Whole_numbers_stay_whole()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor a = torch.tensor([-4, 0, (1L << 53) + 1]), mask = a.eq(0);
        AssertSame(a - 3, a.Minus(3));
        AssertSame(a.remainder(3), a.Remainder(3));
        AssertSame(a.clamp(-1, 1), a.Within(-1, 1));
        AssertSame(a.eq((1L << 53) + 1), a.EqualTo((1L << 53) + 1));
        AssertSame(a.masked_fill(mask, (1L << 53) + 1), a.Masked(mask, (1L << 53) + 1));
        AssertSame(torch.full([2], (1L << 53) + 1, torch.int64), TensorFactory.Constant([2], (1L << 53) + 1));
        AssertSame(torch.arange(3, 7), TensorFactory.Range(3, 7));
    }

    private static void AssertSame(torch.Tensor expected, torch.Tensor actual)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.Equal(expected.bytes.ToArray(), actual.bytes.ToArray());
    }
}
