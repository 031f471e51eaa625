using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>How a residual block changes height and width.</summary>
internal enum Resampling
{
    None,
    Down,
    Up,
}

/// <summary>
/// Two convolutions, each after a group normalization, with the time in between and a shortcut around them (Ho et al. 2020, appendix B).
/// </summary>
internal sealed class UNetResidualBlock : nn.Module
{
    private readonly GroupNormalization norm1;
    private readonly Conv2d conv1;
    private readonly Linear time_emb_proj;
    private readonly GroupNormalization norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? conv_shortcut;

    private readonly UNetArchitecture _config;
    private readonly double _dropout;
    private readonly double _scale;

    public UNetResidualBlock(
        UNetArchitecture config, int inChannels, int outChannels, double dropout, Resampling resampling = Resampling.None,
        double scale = 1)
        : base(nameof(UNetResidualBlock))
    {
        (_config, _dropout, Resampling, _scale) = (config, dropout, resampling, scale);
        norm1 = new GroupNormalization(config.NormGroups, inChannels, config.NormEpsilon);
        conv1 = new Conv2d(inChannels, outChannels, 3, padding: 1);
        time_emb_proj = new Linear(config.EmbeddingSize, config.ScalesAndShifts ? 2 * outChannels : outChannels);
        norm2 = new GroupNormalization(config.NormGroups, outChannels, config.NormEpsilon);
        conv2 = new Conv2d(outChannels, outChannels, 3, padding: 1);
        if (inChannels != outChannels)
            conv_shortcut = new Conv2d(inChannels, outChannels, 1);
        RegisterComponents();

        // What the block adds begins with nothing, so that a deep network begins as a shallow one.
        if (ModuleTensors.HasValues)
            nn.init.zeros_(conv2.Weight.Dense());
    }

    public Resampling Resampling { get; }

    /// <param name="x">[batch, channels in, height, width].</param>
    /// <param name="embedding">The time's vector after the activation, [batch, embedding size].</param>
    /// <param name="beside">Further channels, which follow those of <paramref name="x"/>, or <see langword="null"/>.</param>
    public Tensor Forward(Tensor x, Tensor embedding, Tensor? beside = null)
    {
        if (beside is not null && !(Resampling == Resampling.None && conv_shortcut is not null && conv_shortcut.CanAddTo(x, beside)))
            (x, beside) = (cat([x, beside], 1), null);
        Tensor h = conv1.call(Resample(UNetMath.Normalize(norm1, x, _config.Activation, beside: beside)));
        x = Resample(x);

        Tensor time = time_emb_proj.call(embedding); // [batch, channels out (twice for scale and shift)]
        if (_config.ScalesAndShifts)
        {
            Tensor[] parts = time.chunk(2, 1); // scale and shift, [batch, channels out] each
            h = UNetMath.Normalize(norm2, h, _config.Activation, scale: parts[0], shift: parts[1]);
        }
        else
        {
            h = UNetMath.Normalize(norm2, h, _config.Activation, added: time);
        }

        if (_dropout > 0)
            h = SeededDropout.Apply(h, _dropout, training);
        h = conv2.call(h);
        Tensor sum = conv_shortcut is null ? x.Plus(h) : conv_shortcut.AddTo(x, beside, h);
        return _scale == 1 ? sum : sum.Times(1 / _scale);
    }

    private Tensor Resample(Tensor x) => Resampling switch
    {
        Resampling.Down => F.avg_pool2d(x, 2),
        Resampling.Up => Upsampling.Nearest(x),
        _ => x,
    };
}

/// <summary>What the parts of a U-Net share.</summary>
internal static class UNetMath
{
    /// <summary>A normalization and the activation after it.</summary>
    /// <inheritdoc cref="GroupNormalization.Forward"/>
    public static Tensor Normalize(
        GroupNormalization norm, Tensor input, UNetActivation activation,
        Tensor? added = null, Tensor? scale = null, Tensor? shift = null, Tensor? beside = null) =>
        activation == UNetActivation.Silu
            ? norm.Forward(input, hasSilu: true, added, scale, shift, beside)
            : Activate(norm.Forward(input, hasSilu: false, added, scale, shift, beside), activation);

    public static Tensor Activate(Tensor x, UNetActivation activation) => activation switch
    {
        UNetActivation.Mish => x * x.Softplus().tanh(),
        UNetActivation.Gelu => F.gelu(x),
        UNetActivation.Relu => F.relu(x),
        _ => F.silu(x),
    };
}
