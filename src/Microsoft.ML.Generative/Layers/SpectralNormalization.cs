using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A layer whose weight is divided by σ, the largest singular value of the weight as a matrix [outputs, ..] (Miyato et al. 2018): no input becomes longer by it.
/// σ comes from one step of power iteration for each pass in training, which keeps the singular vector between passes.
/// </summary>
internal sealed class SpectralNormalization : nn.Module<Tensor, Tensor>
{
    private const int FirstIterations = 15;
    private const double Smallest = 1e-12;

    private readonly Layer.Product layer;
    private readonly Tensor u;

    /// <param name="layer">The layer, which belongs to this one from now on; not a transposed convolution.</param>
    public SpectralNormalization(Layer.Product layer)
        : base(nameof(SpectralNormalization))
    {
        this.layer = layer;
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        u = Unit(randn(layer.Weight.size(0))).DetachFromDisposeScope();
        RegisterComponents();
        for (int i = 0; i < FirstIterations; i++)
            Iterate();
    }

    /// <summary>σ of the weight as it is, that gradients flow through: uᵀ W v.</summary>
    public Tensor Sigma()
    {
        Tensor left = u.clone(), right;
        using (no_grad())
            right = Unit(mv(Matrix.t(), left));
        return dot(left, mv(Matrix, right));
    }

    /// <summary>One step of power iteration.</summary>
    public void Iterate()
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        u.copy_(Unit(mv(Matrix, Unit(mv(Matrix.t(), u)))));
    }

    public override Tensor forward(Tensor input)
    {
        if (training)
            Iterate();
        return layer.Multiply(input, layer.Weight / Sigma());
    }

    private Tensor Matrix => layer.Weight.flatten(1);

    private static Tensor Unit(Tensor vector) => vector / vector.norm().AtLeast(Smallest);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            layer.Dispose();
            u.Dispose();
        }

        base.Dispose(disposing);
    }
}
