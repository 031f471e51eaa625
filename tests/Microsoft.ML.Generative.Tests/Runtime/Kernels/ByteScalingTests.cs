using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class ByteScalingTests
{
    // 255 is in the last place, which is none of a whole vector.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(400, 1)]
    [InlineData(400, 2)]
    public void Every_byte_is_divided_by_255_to_the_bit(int repeats, int threads)
    {
        using IDisposable limited = TorchThreads.Scope(threads);
        using DisposeScope scope = NewDisposeScope();
        byte[] bytes = [7, .. Enumerable.Range(0, repeats).SelectMany(_ => Enumerable.Range(0, 256).Select(x => (byte)x))];
        Tensor values = ByteScaling.ToUnit(tensor(bytes).view(1, -1));
        Assert.Equal([1, bytes.Length], values.shape);
        Assert.Equal(bytes.Select(x => x / 255f), TensorMemory.ToArray<float>(values));
    }

    [Fact]
    public void No_rows_become_no_rows()
    {
        using Tensor values = ByteScaling.ToUnit(empty([0, 12], dtype: uint8));
        Assert.Equal([0, 12], values.shape);
    }
}
