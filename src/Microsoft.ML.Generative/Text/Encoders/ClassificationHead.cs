using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Scores classes, as BERT does it: a layer and a hyperbolic tangent, then a layer with an output for each class.</summary>
internal sealed class ClassificationHead : nn.Module
{
    private readonly Linear dense;
    private readonly Linear output;

    private readonly double _dropout;

    public ClassificationHead(int width, int classes, double dropout = 0)
        : base(nameof(ClassificationHead))
    {
        _dropout = dropout;
        dense = new Linear(width, width);
        output = new Linear(width, classes);
        RegisterComponents();
        if (ModuleTensors.HasValues)
            EncoderNetwork.InitializeAll(this);
    }

    public Linear Dense => dense;

    public Linear Output => output;

    /// <summary>Logits of classes, [batch, width] to [batch, classes].</summary>
    public Tensor Logits(Tensor pooled)
    {
        Tensor hidden = dense.call(Drop(pooled)).AsFloat32().tanh();
        return output.call(Drop(hidden)).AsFloat32();
    }

    private Tensor Drop(Tensor x) => SeededDropout.Apply(x, _dropout, training);
}
