using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>
/// A convolutional classifier: a convolution, stages of blocks of which each later stage halves height and width and doubles the channels, the mean over
/// all places, and a linear layer. Its residual blocks are those of He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", 2016.
/// </summary>
internal sealed class ImageClassifierNetwork : nn.Module
{
    private readonly Conv2d stem;
    private readonly ModuleList<ImageClassifierBlock> blocks;
    private readonly Module<Tensor, Tensor> norm;
    private readonly Linear head;

    private readonly double _dropout;

    public ImageClassifierNetwork(ImageClassifierOptions options, ImageShape shape, int classCount)
        : base(nameof(ImageClassifierNetwork))
    {
        _dropout = options.Dropout;
        stem = new Conv2d(shape.Channels, options.BaseChannels, 3, padding: 1, hasBias: false);
        blocks = new ModuleList<ImageClassifierBlock>([.. Blocks(options).Select(b => new ImageClassifierBlock(options, b.Inputs, b.Outputs, b.Stride))]);
        norm = ImageClassifierBlock.Normalization(options, options.FeatureSize);
        head = new Linear(options.FeatureSize, classCount);
        RegisterComponents();
    }

    /// <summary>How many numbers such a network has, averages of normalizations included, without making it.</summary>
    /// <exception cref="OverflowException">More than can be counted.</exception>
    public static long CountParameters(ImageClassifierOptions options, ImageShape shape, int classCount)
    {
        checked
        {
            long stem = 9L * shape.Channels * options.BaseChannels;
            long blocks = Blocks(options).Sum(b => ImageClassifierBlock.CountParameters(options, b.Inputs, b.Outputs, b.Stride));
            long head = (options.FeatureSize + 1L) * classCount;
            return stem + blocks + ImageClassifierBlock.CountOfNormalization(options, options.FeatureSize) + head;
        }
    }

    /// <summary>Images with values in 0..1, [batch, channels, height, width], to [batch, features], each at least 0.</summary>
    public Tensor Features(Tensor x)
    {
        Tensor h = stem.call(x.Times(2).Plus(-1));
        foreach (ImageClassifierBlock block in blocks)
            h = block.call(h);
        return F.relu(norm.call(h)).AsFloat32().mean([2, 3]);
    }

    /// <summary>From features to [batch, classes], unnormalized logarithms of probabilities.</summary>
    public Tensor Logits(Tensor features)
    {
        Tensor kept = _dropout == 0 ? features : F.dropout(features, _dropout, training);
        return head.call(kept).AsFloat32();
    }

    private static IEnumerable<(int Inputs, int Outputs, int Stride)> Blocks(ImageClassifierOptions options)
    {
        int inputs = options.BaseChannels;
        for (int stage = 0; stage < options.Stages; stage++)
        {
            int outputs = options.BaseChannels << stage;
            for (int i = 0; i < options.BlocksPerStage; i++)
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

    public ImageClassifierBlock(ImageClassifierOptions options, int inputs, int outputs, int stride)
        : base(nameof(ImageClassifierBlock))
    {
        _isResidual = options.Network == ImageClassifierNetworkKind.Residual;
        norm1 = Normalization(options, inputs);
        conv1 = new Conv2d(inputs, outputs, 3, stride, padding: 1, hasBias: false);
        norm2 = Normalization(options, outputs);
        conv2 = new Conv2d(outputs, outputs, 3, padding: 1, hasBias: false);
        if (HasProjection(options, inputs, outputs, stride))
            shortcut = new Conv2d(inputs, outputs, 1, stride, hasBias: false);
        RegisterComponents();

        // What the block adds begins with nothing, so that a deep network begins as a shallow one.
        if (_isResidual)
            init.zeros_(conv2.Weight.Dense());
    }

    public static Module<Tensor, Tensor> Normalization(ImageClassifierOptions options, int channels) => options.Normalization switch
    {
        ImageClassifierNormalization.Batch => new BatchNormalization(channels),
        _ => new GroupNormalization(channels % ChannelsInGroup == 0 ? channels / ChannelsInGroup : 1, channels),
    };

    public static long CountOfNormalization(ImageClassifierOptions options, int channels) =>
        options.Normalization == ImageClassifierNormalization.Batch ? BatchNormalization.CountParameters(channels) : checked(2L * channels);

    public static long CountParameters(ImageClassifierOptions options, int inputs, int outputs, int stride)
    {
        checked
        {
            long convolutions = 9L * outputs * (inputs + outputs) + (HasProjection(options, inputs, outputs, stride) ? (long)inputs * outputs : 0);
            return convolutions + CountOfNormalization(options, inputs) + CountOfNormalization(options, outputs);
        }
    }

    public override Tensor forward(Tensor input)
    {
        Tensor h = F.relu(norm1.call(input));
        Tensor added = conv2.call(F.relu(norm2.call(conv1.call(h))));
        if (!_isResidual)
            return added;
        return (shortcut is null ? input : shortcut.call(h)).Plus(added);
    }

    private static bool HasProjection(ImageClassifierOptions options, int inputs, int outputs, int stride) =>
        options.Network == ImageClassifierNetworkKind.Residual && (inputs != outputs || stride > 1);
}
