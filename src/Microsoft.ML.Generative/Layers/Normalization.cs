using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Layer normalization (Ba, Kiros, Hinton 2016) or by the mean square (Zhang, Sennrich 2019), over the last dimension, in Float32.
/// </summary>
internal sealed class Normalization : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    private readonly NormalizationKind _kind;
    private readonly double _epsilon;

    public Normalization(NormalizationKind kind, int width, double epsilon, bool hasBias)
        : base(nameof(Normalization))
    {
        (_kind, _epsilon) = (kind, epsilon);
        weight = nn.Parameter(ModuleTensors.Ones(width));
        if (hasBias)
            bias = nn.Parameter(ModuleTensors.Zeros(width));
        RegisterComponents();
    }

    /// <summary>A normalization as those of the block.</summary>
    public static Normalization Of(TransformerBlockShape shape) =>
        new(shape.Normalization, shape.EmbeddingSize, shape.NormEpsilon, shape.HasNormBias);

    public NormalizationKind Kind => _kind;

    public double Epsilon => _epsilon;

    /// <summary>[width].</summary>
    public Parameter Gain => weight;

    /// <summary>[width], or <see langword="null"/>.</summary>
    public Parameter? Bias => bias;

    public override Tensor forward(Tensor input) => OutputShapes.Note(this, Apply(_kind, input, weight, bias, _epsilon));

    /// <summary>Normalizes the last dimension.</summary>
    /// <param name="kind">How.</param>
    /// <param name="input">[.., width].</param>
    /// <param name="gain">[width].</param>
    /// <param name="bias">[width], or <see langword="null"/>.</param>
    /// <param name="epsilon">What is added to the variance.</param>
    public static Tensor Apply(NormalizationKind kind, Tensor input, Tensor gain, Tensor? bias, double epsilon)
    {
        Tensor x = input.AsFloat32();
        if (kind == NormalizationKind.LayerNorm)
            return F.layer_norm(x, gain.shape, gain, bias, epsilon);
        return x * x.Squared().mean([-1], keepdim: true).Plus(epsilon).rsqrt() * gain;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            weight.Dispose();
            bias?.Dispose();
        }

        base.Dispose(disposing);
    }
}
