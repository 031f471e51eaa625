using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The bias of relative positions of a decoder as a table of distances.</summary>
internal sealed unsafe class DistanceBias : IDisposable
{
    // For each head the largest distance first, so that a position's keys are neighbors.
    private readonly FloatBuffer _table;
    private readonly int _length;

    /// <param name="bias">The layer; what it learns later is not seen.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="length">Positions.</param>
    public DistanceBias(RelativePositionBias bias, int heads, int length)
    {
        _length = length;
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor last = torch.tensor(new long[] { length - 1 }, [1, 1]);
        torch.Tensor table = bias.Bias(last, length); // [1, heads, 1, length]
        _table = new FloatBuffer((long)heads * length);
        TensorMemory.ToArray<float>(table.contiguous()).CopyTo(new Span<float>(_table.Start, checked(heads * length)));
    }

    /// <summary>The values of a head for a position and its keys from a first one on.</summary>
    public float* Of(int head, int position, int first) => _table.Start + (long)head * _length + (_length - 1 - position) + first;

    public void Dispose() => _table.Dispose();
}
