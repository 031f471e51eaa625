using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>Mean and covariance of feature vectors, added up in double as they come.</summary>
internal sealed class FeatureMoments(int size) : IDisposable
{
    private readonly Tensor _sum = zeros(size, dtype: ScalarType.Float64).DetachFromDisposeScope();
    private readonly Tensor _products = zeros(size, size, dtype: ScalarType.Float64).DetachFromDisposeScope();

    // Near the mean, so that little is lost where products are subtracted.
    private Tensor? _origin;

    public long Count { get; private set; }

    public Tensor Mean => _origin!.Plus(_sum, 1.0 / Count);

    /// <summary>Without bias: divided by the count less 1, as published Fréchet distances have it.</summary>
    public Tensor Covariance => (_products - outer(_sum, _sum).Times(1.0 / Count)).Times(1.0 / (Count - 1));

    /// <param name="rows">[rows, size].</param>
    public void Add(Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = rows.cpu().to(ScalarType.Float64);
        _origin ??= x.mean([0]).DetachFromDisposeScope();
        Tensor shifted = x - _origin;
        _sum.PlusInPlace(shifted.sum([0]));
        _products.PlusInPlace(shifted.t().mm(shifted));
        Count += rows.size(0);
    }

    public void Dispose()
    {
        _sum.Dispose();
        _products.Dispose();
        _origin?.Dispose();
    }
}
