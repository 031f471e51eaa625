using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using GELU = TorchSharp.Modules.GELU;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Scores classes: a layer, what its kind has behind it, then a layer with an output for each class.</summary>
internal sealed class ClassificationHead : nn.Module
{
    private readonly Linear dense;
    private readonly Normalization? norm;
    private readonly Linear output;

    private readonly double _dropout;

    public ClassificationHead(
        EncoderArchitecture architecture, int classes, ClassificationHeadKind kind = ClassificationHeadKind.Tanh, double dropout = 0)
        : base(nameof(ClassificationHead))
    {
        (Kind, _dropout) = (kind, dropout);
        int width = architecture.EmbeddingSize;
        bool isNormalized = kind == ClassificationHeadKind.NormalizedGelu;
        dense = new Linear(width, width, hasBias: !isNormalized || architecture.HasBias);
        if (isNormalized)
            norm = Normalization.Of(architecture.Block);
        output = new Linear(width, classes);
        RegisterComponents();
        if (ModuleTensors.HasValues)
            EncoderNetwork.InitializeAll(this);
    }

    public ClassificationHeadKind Kind { get; }

    public Linear Dense => dense;

    /// <summary>The normalization of <see cref="ClassificationHeadKind.NormalizedGelu"/>; else <see langword="null"/>.</summary>
    public Normalization? Norm => norm;

    public Linear Output => output;

    /// <summary>The kind that models of an architecture have in transformers.</summary>
    public static ClassificationHeadKind UsualKind(EncoderArchitecture architecture) =>
        architecture.HasFirstNorm ? ClassificationHeadKind.Tanh : ClassificationHeadKind.NormalizedGelu;

    /// <summary>Logits of classes, [batch, width] to [batch, classes].</summary>
    public Tensor Logits(Tensor pooled)
    {
        Tensor hidden = dense.call(Drop(pooled)).AsFloat32();
        hidden = Kind switch
        {
            ClassificationHeadKind.Relu => F.relu(hidden),
            ClassificationHeadKind.NormalizedGelu => norm!.call(F.gelu(hidden, GELU.Approximate.none)),
            _ => hidden.tanh(),
        };
        return output.call(Drop(hidden)).AsFloat32();
    }

    private Tensor Drop(Tensor x) => SeededDropout.Apply(x, _dropout, training);
}
