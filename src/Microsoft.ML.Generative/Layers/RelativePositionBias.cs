using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A learned value for each attention head and bucket of distances that is added to the scores of attention (Raffel et al. 2020, section
/// 2.1). Short distances have a bucket each, longer ones share buckets that grow with the logarithm of the distance.
/// </summary>
internal sealed class RelativePositionBias : nn.Module
{
    private readonly EmbeddingTable buckets;

    private readonly RelativePositionShape _shape;

    public RelativePositionBias(RelativePositionShape shape)
        : base(nameof(RelativePositionBias))
    {
        _shape = shape;
        buckets = new EmbeddingTable(shape.Buckets, shape.Heads);
        RegisterComponents();
    }

    /// <summary>[buckets, heads].</summary>
    public EmbeddingTable Buckets => buckets;

    /// <summary>The buckets of positions of keys minus those of queries, Int64 both.</summary>
    public static Tensor BucketsOf(Tensor relative, RelativePositionShape shape)
    {
        using IDisposable noGradient = no_grad();
        long count = shape.IsBidirectional ? shape.Buckets / 2 : shape.Buckets, exact = count / 2;
        Tensor distance = shape.IsBidirectional ? relative.abs() : relative.negative().Within(0, long.MaxValue);
        // In the precision and the order of the paper's code: at some distances rounding decides.
        Tensor logarithm = distance.to(ScalarType.Float32).Over(exact).log().Over(Math.Log((double)shape.MaxDistance / exact));
        // Of distance 0 the logarithm is −∞, which no whole number holds.
        Tensor shared = logarithm.Times(count - exact).AtLeast(0).to(ScalarType.Int64).Within(0, count - exact - 1);
        Tensor bucket = where(distance.LessThan(exact), distance, shared.Minus(-exact));
        return shape.IsBidirectional ? where(relative.GreaterThan(0), bucket.Minus(-count), bucket) : bucket;
    }

    /// <summary>
    /// What is added to the scores of positions that attend to the first positions: [batch, queries] → [batch, heads, queries, keys].
    /// </summary>
    /// <param name="positions">Positions that attend, Int64.</param>
    /// <param name="keys">Positions that are attended to: those from 0 to below this.</param>
    public Tensor Bias(Tensor positions, long keys)
    {
        Tensor others = TensorFactory.Range(keys, device: positions.device); // [keys]
        Tensor bias = buckets.call(BucketsOf(others - positions.unsqueeze(-1), _shape)); // [batch, queries, keys, heads]
        return bias.permute(0, 3, 1, 2);
    }

    /// <summary>The same for the positions of sequences of a length: [1, heads, time, time].</summary>
    public Tensor Bias(long time) => Bias(TensorFactory.Range(time, device: buckets.Device).unsqueeze(0), time);
}
