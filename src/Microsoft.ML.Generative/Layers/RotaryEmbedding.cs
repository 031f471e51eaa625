using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Rotates pairs of values by an angle that grows with the position (Su et al. 2021, eq. 34), so that the scalar product of a query and a
/// key depends on their distance.
/// </summary>
internal sealed class RotaryEmbedding(RotaryShape shape) : IDisposable
{
    private readonly Lock _lock = new();
    private (Tensor Cosine, Tensor Sine, Device Device)? _tables;

    /// <summary>
    /// Cosines and sines of positions 0 to below <paramref name="length"/>: [length, headSize / 2] each. May be called from several
    /// threads.
    /// </summary>
    public (Tensor Cosine, Tensor Sine) Tables(long length, Device device)
    {
        // Also the views are made before another thread may replace the tables.
        lock (_lock)
        {
            if (_tables is not { } known || known.Cosine.size(0) < length || known.Device != device)
                _tables = known = Compute(length, device);
            return (known.Cosine.narrow(0, 0, length), known.Sine.narrow(0, 0, length)); // [length, headSize / 2] each
        }
    }

    private (Tensor Cosine, Tensor Sine, Device Device) Compute(long length, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        // In double: a position of thousands times a frequency leaves few digits of a float for the angle.
        // [length, headSize / 2]
        Tensor angles = outer(TensorFactory.Range(length, ScalarType.Float64), tensor(shape.Frequencies(), dtype: ScalarType.Float64));
        Dispose();
        Tensor cosine = angles.cos().to(ScalarType.Float32).to(device).DetachFromDisposeScope();
        Tensor sine = angles.sin().to(ScalarType.Float32).to(device).DetachFromDisposeScope();
        return (cosine, sine, device);
    }

    /// <summary>Rotates x, [.., headSize], by angles whose cosines and sines fit [.., headSize / 2].</summary>
    public Tensor Rotate(Tensor x, Tensor cosine, Tensor sine)
    {
        // [.., headSize / 2] each
        Tensor[] parts = shape.IsInterleaved ? x.unflatten(x.dim() - 1, x.size(-1) / 2, 2).unbind(-1) : x.chunk(2, -1);
        Tensor[] rotated = [parts[0] * cosine - parts[1] * sine, (parts[1] * cosine).Plus(parts[0] * sine)];
        return (shape.IsInterleaved ? stack(rotated, -1).flatten(-2) : cat(rotated, -1)).to(x.dtype); // [.., headSize]
    }

    public void Dispose()
    {
        _tables?.Cosine.Dispose();
        _tables?.Sine.Dispose();
        _tables = null;
    }
}

/// <summary>Where the rows of a batch are: cosines and sines that fit [batch, heads, time, headSize / 2].</summary>
internal readonly record struct RotaryPositions(RotaryEmbedding Embedding, Tensor Cosine, Tensor Sine)
{
    public Tensor Rotate(Tensor x) => Embedding.Rotate(x, Cosine, Sine);
}
