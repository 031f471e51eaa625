using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>
/// Low-rank adaptation of a linear layer (Hu et al. 2021): y = W x + b + s B A x, with A [rank, inputs] and B [outputs, rank]. With
/// magnitudes, W + s B A has rows of these lengths (DoRA, Liu et al. 2024).
/// </summary>
internal sealed class LoraAdapter : Adapter
{
    private readonly Parameter a;
    private readonly Parameter b;
    private readonly Parameter? magnitude;

    private Tensor? initialA;
    private Tensor? initialB;

    private readonly double _dropout;

    /// <summary>
    /// Creates an adapter that changes nothing: B is 0. Its A, and its magnitudes, are those of a layer only once it is initialized.
    /// </summary>
    /// <param name="inputs">Inputs of the layer.</param>
    /// <param name="outputs">Outputs of the layer, or of the part.</param>
    /// <param name="rank">Rows of A, at least 1.</param>
    /// <param name="scale">s.</param>
    /// <param name="hasMagnitude">Whether the rows' lengths are learned apart from their directions.</param>
    /// <param name="dropout">The part of the inputs that is dropped at random while training.</param>
    public LoraAdapter(long inputs, long outputs, int rank, double scale, bool hasMagnitude = false, double dropout = 0)
        : this(
            ModuleTensors.Zeros(rank, inputs), ModuleTensors.Zeros(outputs, rank), hasMagnitude ? ModuleTensors.Ones(outputs) : null, scale,
            dropout)
    {
    }

    /// <param name="a">[rank, inputs].</param>
    /// <param name="b">[outputs, rank].</param>
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

    /// <summary>[rank, inputs].</summary>
    public Parameter A => a;

    /// <summary>[outputs, rank].</summary>
    public Parameter B => b;

    /// <summary>The lengths of the rows of the adapted weight, [outputs], or <see langword="null"/>.</summary>
    public Parameter? Magnitude => magnitude;

    public int Rank => (int)a.size(0);

    /// <summary>
    /// Whether the change is counted from initial matrices that are not 0: s (B A − B₀ A₀). It is what remains of an initialization
    /// that takes
    /// B₀ A₀ out of the weight, without touching the weight.
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
        Tensor x = MixedPrecision.Cast(_dropout > 0 && training ? F.dropout(input, _dropout) : input); // [.., inputs]
        Tensor change = Change(x, a, b); // [.., outputs]
        if (initialA is not null)
            change = change - Change(x, initialA, initialB!);
        if (magnitude is null)
            return output.Plus(change);

        // The form of PEFT: exactly the output where the factor is 1 and the change 0.
        Tensor factor = Factor(rows.Weight()); // [outputs]
        Tensor unbiased = rows.Bias() is { } bias ? output - MixedPrecision.Cast(bias) : output;
        return output.Plus((unbiased * MixedPrecision.Cast(factor.Plus(-1))).Plus(change * MixedPrecision.Cast(factor)));
    }

    public override Tensor Merge(Tensor weight)
    {
        Tensor changed = weight.Plus(Delta());
        return magnitude is null ? changed : changed * Factor(weight).unsqueeze(1);
    }

    /// <summary>s B A, or s (B A − B₀ A₀): [outputs, inputs].</summary>
    public Tensor Delta()
    {
        Tensor delta = b.mm(a);
        if (initialA is not null)
            delta = delta - initialB!.mm(initialA);
        return delta.Times(Scale);
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
    /// What the rows of W + s B A are multiplied with, [outputs], where there are magnitudes. The gradient flows to these alone, as in
    /// section 4.3
    /// of the paper.
    /// </summary>
    public Tensor Factor(Tensor weight)
    {
        Tensor lengths;
        using (no_grad())
            lengths = LengthsOf(weight.Plus(Delta()));
        return magnitude! / lengths;
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

    // The scale goes to the smallest of the tensors, [.., rank].
    private Tensor Change(Tensor x, Tensor down, Tensor up) =>
        F.linear(F.linear(x, MixedPrecision.Cast(down)).Times(Scale), MixedPrecision.Cast(up)); // [.., outputs]

    // [outputs, inputs] → [outputs]
    private static Tensor LengthsOf(Tensor weight) => weight.square().sum([1]).sqrt();
}
