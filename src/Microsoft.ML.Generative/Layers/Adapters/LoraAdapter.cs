using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>
/// Low-rank adaptation of a linear map (Hu et al. 2021): y = W x + b + s B A x, with A [rank, inputs] and B [outputs, rank]. For a
/// convolution, A is one of the same kernel size with rank outputs, and B a 1×1 convolution; for an embedding, A has a column for each
/// class. With magnitudes, W + s B A has rows of these lengths (DoRA, Liu et al. 2024).
/// </summary>
internal sealed class LoraAdapter : Adapter
{
    // Below it, a row has no direction.
    private const double ShortestRow = 1e-30;

    private readonly Parameter a;
    private readonly Parameter b;
    private readonly Parameter? magnitude;

    private Tensor? initialA;
    private Tensor? initialB;

    private readonly double _dropout;

    /// <summary>
    /// Creates an adapter that changes nothing: B is 0. Its A, and its magnitudes, are those of a layer only once it is initialized.
    /// </summary>
    /// <param name="shape">The shape of the weight, [outputs, inputs, ..].</param>
    /// <param name="rank">Rows of A, at least 1.</param>
    /// <param name="scale">s.</param>
    /// <param name="hasMagnitude">Whether the rows' lengths are learned apart from their directions.</param>
    /// <param name="dropout">The part of the inputs that is dropped at random while training.</param>
    public LoraAdapter(long[] shape, int rank, double scale, bool hasMagnitude = false, double dropout = 0)
        : this(
            ModuleTensors.Zeros([rank, .. shape[1..]]), ModuleTensors.Zeros([shape[0], rank, .. shape[2..].Select(_ => 1L)]),
            hasMagnitude ? ModuleTensors.Ones(shape[0]) : null, scale, dropout)
    {
    }

    /// <param name="a">[rank, inputs, ..].</param>
    /// <param name="b">[outputs, rank], of a convolution [outputs, rank, 1, 1].</param>
    /// <param name="magnitude">[outputs], or <see langword="null"/>.</param>
    /// <param name="scale">s.</param>
    /// <param name="dropout">The part of the inputs that is dropped at random while training.</param>
    public LoraAdapter(Tensor a, Tensor b, Tensor? magnitude, double scale, double dropout = 0)
        : base(nameof(LoraAdapter))
    {
        (Scale, _dropout) = (scale, dropout);
        this.a = nn.Parameter(a);
        this.b = nn.Parameter(b);
        if (magnitude is not null)
            this.magnitude = nn.Parameter(magnitude);
        RegisterComponents();
    }

    /// <summary>s.</summary>
    public double Scale { get; }

    /// <summary>[rank, inputs, ..].</summary>
    public Parameter A => a;

    /// <summary>[outputs, rank], of a convolution [outputs, rank, 1, 1].</summary>
    public Parameter B => b;

    /// <summary>The lengths of the rows of the adapted weight, [outputs], or <see langword="null"/>.</summary>
    public Parameter? Magnitude => magnitude;

    public int Rank => (int)a.size(0);

    /// <summary>
    /// Whether the change is counted from initial matrices that are not 0: s (B A − B₀ A₀). It is what remains of an initialization
    /// that takes B₀ A₀ out of the weight, without touching the weight.
    /// </summary>
    public bool HasInitial => initialA is not null;

    /// <summary>Counts the change from A and B as they are now.</summary>
    public void StartFromHere()
    {
        using IDisposable noGradient = no_grad();
        (initialA, initialB) = (a.detach().clone().DetachFromDisposeScope(), b.detach().clone().DetachFromDisposeScope());
        register_buffer(nameof(initialA), initialA);
        register_buffer(nameof(initialB), initialB);
    }

    /// <summary>Sets the magnitudes, if there are any, to those of the weight as it is.</summary>
    public void TakeMagnitude(Tensor weight)
    {
        using IDisposable noGradient = no_grad();
        magnitude?.copy_(LengthsOf(weight.Plus(Delta())));
    }

    public override Tensor Apply(Tensor input, Tensor output, AdaptedRows rows)
    {
        // An embedding's inputs are numbers of classes, of which nothing can be dropped.
        Tensor x = input.is_floating_point() ? MixedPrecision.Cast(SeededDropout.Apply(input, _dropout, training)) : input;
        Tensor change = Change(rows.Layer, x, a, b);
        if (initialA is not null)
            change = change - Change(rows.Layer, x, initialA, initialB!);
        if (magnitude is null)
            return output.Plus(change);

        // The form of PEFT: exactly the output where the factor is 1 and the change 0.
        Tensor factor = PerOutput(Factor(rows));
        Tensor unbiased = rows.Bias() is { } bias ? output - MixedPrecision.Cast(PerOutput(bias)) : output;
        return output.Plus((unbiased * MixedPrecision.Cast(factor.Plus(-1))).Plus(change * MixedPrecision.Cast(factor)));
    }

    public override Tensor Merge(Tensor weight)
    {
        Tensor changed = weight.Plus(Delta());
        return magnitude is null ? changed : changed * Factor(weight).view([-1, .. weight.shape[1..].Select(_ => 1L)]);
    }

    /// <summary>s B A, or s (B A − B₀ A₀): [outputs, inputs, ..].</summary>
    public Tensor Delta()
    {
        Tensor delta = Matrix(b).mm(Matrix(a)); // [outputs, inputs · kernel]
        if (initialA is not null)
            delta = delta - Matrix(initialB!).mm(Matrix(initialA));
        return delta.Times(Scale).view([b.size(0), .. a.shape[1..]]);
    }

    /// <summary>The same change without initial matrices: an adapter of twice the rank, [A; A₀] and [B, −B₀].</summary>
    public LoraAdapter ToPlain()
    {
        using IDisposable noGradient = no_grad();
        return new LoraAdapter(cat([a, initialA!]), cat([b, initialB!.negative()], 1), magnitude?.detach(), Scale);
    }

    /// <summary>Another adapter with the memory of this one, which may be disposed of before it.</summary>
    public LoraAdapter Share() => HasInitial
        ? throw new InvalidOperationException("An adapter in training is not shared.")
        : new LoraAdapter(a.detach(), b.detach(), magnitude?.detach(), Scale);

    /// <summary>
    /// What the rows of W + s B A are multiplied with, [outputs], where there are magnitudes; 0 for a row of zeros, which has no direction.
    /// The gradient flows to the magnitudes alone, as in section 4.3 of the paper.
    /// </summary>
    public Tensor Factor(Tensor weight)
    {
        Tensor lengths;
        using (no_grad())
            lengths = LengthsOf(weight.Plus(Delta())).AtLeast(ShortestRow);
        return magnitude! / lengths;
    }

    // A weight in few bits makes floats for this, which are not kept until the end of a step.
    private Tensor Factor(AdaptedRows rows)
    {
        using DisposeScope scope = NewDisposeScope();
        return Factor(rows.Weight()).MoveToOuterDisposeScope();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            a.Dispose();
            b.Dispose();
            magnitude?.Dispose();
            initialA?.Dispose();
            initialB?.Dispose();
        }

        base.Dispose(disposing);
    }

    // The scale goes to the smallest of the tensors, that of the rank.
    private Tensor Change(AdaptableLayer layer, Tensor x, Tensor down, Tensor up)
    {
        Tensor inner = layer.Map(x, down).Times(Scale);
        return IsConvolution ? Conv2d.Pointwise(inner, MixedPrecision.Cast(up), null) : F.linear(inner, MixedPrecision.Cast(up));
    }

    // [outputs] → what a tensor of outputs is multiplied with.
    private Tensor PerOutput(Tensor values) => IsConvolution ? values.view(-1, 1, 1) : values;

    private bool IsConvolution => b.dim() > 2;

    // [outputs, inputs, ..] → [outputs, inputs · ..]
    private static Tensor Matrix(Tensor values) => values.flatten(1);

    // [outputs, inputs, ..] → [outputs]
    private static Tensor LengthsOf(Tensor weight) => Matrix(weight).Squared().sum([1]).sqrt();
}
