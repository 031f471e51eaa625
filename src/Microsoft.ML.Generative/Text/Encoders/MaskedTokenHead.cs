using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using GELU = TorchSharp.Modules.GELU;
using Linear = Microsoft.ML.Generative.Layers.Linear;
using Parameter = TorchSharp.Modules.Parameter;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>
/// Predicts tokens of hidden states, as BERT does it: a layer, a normalization, and the scalar product with the embedding of each token.
/// </summary>
internal sealed class MaskedTokenHead : nn.Module
{
    private readonly Linear dense;
    private readonly Normalization norm;
    private readonly Parameter bias;

    private readonly bool _isTanh;

    public MaskedTokenHead(EncoderArchitecture architecture)
        : base(nameof(MaskedTokenHead))
    {
        int width = architecture.EmbeddingSize;
        _isTanh = architecture.FeedForward is FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh;
        dense = new Linear(width, width);
        norm = new Normalization(NormalizationKind.LayerNorm, width, architecture.NormEpsilon, hasBias: true);
        bias = new Parameter(ModuleTensors.Zeros(architecture.VocabularySize));
        RegisterComponents();
        if (ModuleTensors.HasValues)
            EncoderNetwork.InitializeAll(this);
    }

    public Linear Dense => dense;

    public Normalization Norm => norm;

    /// <summary>[vocabulary].</summary>
    public Parameter Bias => bias;

    /// <summary>Logits of tokens, [.., width] to [.., vocabulary].</summary>
    /// <param name="hidden">Hidden states.</param>
    /// <param name="tokens">The embedding of the encoder.</param>
    public Tensor Logits(Tensor hidden, EmbeddingTable tokens)
    {
        Tensor x = norm.call(F.gelu(dense.call(hidden), _isTanh ? GELU.Approximate.tanh : GELU.Approximate.none));
        return F.linear(MixedPrecision.Cast(x), MixedPrecision.Cast(tokens.Weight), MixedPrecision.Cast(bias)).AsFloat32();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            bias.Dispose();
        base.Dispose(disposing);
    }
}
