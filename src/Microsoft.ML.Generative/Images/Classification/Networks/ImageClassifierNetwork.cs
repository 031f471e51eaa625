using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Classification.Networks;

/// <summary>
/// A convolutional classifier: a convolution, stages of blocks of which each later stage halves height and width and doubles the
/// channels, the mean over all places, and a linear layer. Its residual blocks are those of He, Zhang, Ren, Sun, "Identity mappings in
/// deep residual networks", 2016.
/// </summary>
internal sealed class ImageClassifierNetwork : nn.Module
{
    private readonly Conv2d stem;
    private readonly ModuleList<ImageClassifierBlock> blocks;
    private readonly Module<Tensor, Tensor> norm;
    private readonly Linear head;

    private readonly double _dropout;

    public ImageClassifierNetwork(ImageClassifierArchitecture architecture, double dropout = 0)
        : base(nameof(ImageClassifierNetwork))
    {
        _dropout = dropout;
        stem = new Conv2d(architecture.Shape.Channels, architecture.BaseChannels, 3, padding: 1, hasBias: false);
        blocks = new ModuleList<ImageClassifierBlock>(
            [.. Blocks(architecture).Select(b => new ImageClassifierBlock(architecture, b.Inputs, b.Outputs, b.Stride))]);
        norm = ImageClassifierBlock.Normalization(architecture, architecture.FeatureSize);
        head = new Linear(architecture.FeatureSize, architecture.ClassCount);
        RegisterComponents();
    }

    /// <summary>Images with values in 0..1, [batch, channels, height, width], to [batch, features], each at least 0.</summary>
    public Tensor Features(Tensor x)
    {
        Tensor h = stem.call(x.Times(2).Plus(-1));
        foreach (ImageClassifierBlock block in blocks)
            h = block.call(h);
        return ImageClassifierBlock.Activated(norm, h).AsFloat32().mean([2, 3]);
    }

    /// <summary>From features to [batch, classes], unnormalized logarithms of probabilities.</summary>
    public Tensor Logits(Tensor features)
    {
        Tensor kept = SeededDropout.Apply(features, _dropout, training);
        return head.call(kept).AsFloat32();
    }

    private static IEnumerable<(int Inputs, int Outputs, int Stride)> Blocks(ImageClassifierArchitecture architecture)
    {
        int inputs = architecture.BaseChannels;
        for (int stage = 0; stage < architecture.Stages; stage++)
        {
            int outputs = architecture.BaseChannels << stage;
            for (int i = 0; i < architecture.BlocksPerStage; i++)
            {
                yield return (inputs, outputs, stage > 0 && i == 0 ? 2 : 1);
                inputs = outputs;
            }
        }
    }
}

/// <summary>Two convolutions, each after a normalization, and around them a shortcut if the network is residual.</summary>
internal sealed class ImageClassifierBlock : nn.Module<Tensor, Tensor>
{
    private const int ChannelsInGroup = 4;

    private readonly Module<Tensor, Tensor> norm1;
    private readonly Conv2d conv1;
    private readonly Module<Tensor, Tensor> norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? shortcut;

    private readonly bool _isResidual;

    public ImageClassifierBlock(ImageClassifierArchitecture architecture, int inputs, int outputs, int stride)
        : base(nameof(ImageClassifierBlock))
    {
        _isResidual = architecture.Network == ImageClassifierNetworkKind.Residual;
        norm1 = Normalization(architecture, inputs);
        conv1 = new Conv2d(inputs, outputs, 3, stride, padding: 1, hasBias: false);
        norm2 = Normalization(architecture, outputs);
        conv2 = new Conv2d(outputs, outputs, 3, padding: 1, hasBias: false);
        if (HasProjection(architecture, inputs, outputs, stride))
            shortcut = new Conv2d(inputs, outputs, 1, stride, hasBias: false);
        RegisterComponents();

        // What the block adds begins with nothing, so that a deep network begins as a shallow one.
        if (_isResidual)
            init.zeros_(conv2.Weight.Dense());
    }

    public static Module<Tensor, Tensor> Normalization(ImageClassifierArchitecture architecture, int channels) =>
        architecture.Normalization switch
        {
            ImageClassifierNormalization.Batch => new BatchNormalization(channels),
            _ => new GroupNormalization(channels % ChannelsInGroup == 0 ? channels / ChannelsInGroup : 1, channels),
        };

    /// <summary>A normalization with the ReLU after it.</summary>
    public static Tensor Activated(Module<Tensor, Tensor> norm, Tensor x) =>
        norm is BatchNormalization batch ? batch.Forward(x, null, slope: 0) : F.relu(norm.call(x));

    public override Tensor forward(Tensor input)
    {
        Tensor h = Activated(norm1, input);
        Tensor added = conv2.call(Activated(norm2, conv1.call(h)));
        if (!_isResidual)
            return added;
        return (shortcut is null ? input : shortcut.call(h)).Plus(added);
    }

    private static bool HasProjection(ImageClassifierArchitecture architecture, int inputs, int outputs, int stride) =>
        architecture.Network == ImageClassifierNetworkKind.Residual && (inputs != outputs || stride > 1);
}
