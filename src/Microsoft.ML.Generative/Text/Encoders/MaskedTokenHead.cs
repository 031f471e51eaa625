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

    public MaskedTokenHead(EncoderArchitecture architecture)
        : base(nameof(MaskedTokenHead))
    {
        int width = architecture.EmbeddingSize;
        IsTanh = architecture.FeedForward is FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh;
        dense = new Linear(width, width, architecture.HasBias);
        norm = Normalization.Of(architecture.Block);
        bias = new Parameter(ModuleTensors.Zeros(architecture.VocabularySize));
        RegisterComponents();
        if (ModuleTensors.HasValues)
            EncoderNetwork.InitializeAll(this);
    }

    /// <summary>Whether GELU is approximated by a hyperbolic tangent, as in the encoder.</summary>
    public bool IsTanh { get; }

    public Linear Dense => dense;

    public Normalization Norm => norm;

    /// <summary>[vocabulary].</summary>
    public Parameter Bias => bias;

    /// <summary>Logits of tokens, [.., width] to [.., vocabulary].</summary>
    /// <param name="hidden">Hidden states.</param>
    /// <param name="tokens">The embedding of the encoder.</param>
    public Tensor Logits(Tensor hidden, EmbeddingTable tokens)
    {
        Tensor x = norm.call(F.gelu(dense.call(hidden), IsTanh ? GELU.Approximate.tanh : GELU.Approximate.none));
        return F.linear(MixedPrecision.Cast(x), MixedPrecision.Cast(tokens.Weight), MixedPrecision.Cast(bias)).AsFloat32();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            bias.Dispose();
        base.Dispose(disposing);
    }
}
