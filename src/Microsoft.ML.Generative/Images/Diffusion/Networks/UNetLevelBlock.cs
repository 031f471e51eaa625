using Microsoft.ML.Generative.Layers;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>
/// One level of a U-Net, on the way down or up, or its middle: residual blocks and attentions, and what changes the size at the end.
/// </summary>
internal sealed class UNetLevelBlock : nn.Module
{
    private readonly ModuleList<UNetResidualBlock> resnets;
    private readonly ModuleList<UNetAttentionBlock>? attentions;
    private readonly ModuleList<UNetAttentionBlock>? cross_attentions;
    private readonly ModuleList<nn.Module>? downsamplers;
    private readonly ModuleList<nn.Module>? upsamplers;

    private UNetLevelBlock(
        IEnumerable<UNetResidualBlock> residuals,
        IEnumerable<UNetAttentionBlock> attentions,
        IEnumerable<UNetAttentionBlock> crossAttentions,
        nn.Module? downsampler = null, nn.Module? upsampler = null)
        : base(nameof(UNetLevelBlock))
    {
        resnets = new ModuleList<UNetResidualBlock>([.. residuals]);
        this.attentions = List(attentions);
        cross_attentions = List(crossAttentions);
        downsamplers = downsampler is null ? null : new ModuleList<nn.Module>(downsampler);
        upsamplers = upsampler is null ? null : new ModuleList<nn.Module>(upsampler);
        RegisterComponents();

        static ModuleList<UNetAttentionBlock>? List(IEnumerable<UNetAttentionBlock> blocks) =>
            blocks.ToArray() is { Length: > 0 } some ? new ModuleList<UNetAttentionBlock>(some) : null;
    }

    public static UNetLevelBlock Down(UNetArchitecture config, int level, double dropout)
    {
        int channels = config.BlockOutChannels[level], before = config.BlockOutChannels[Math.Max(0, level - 1)];
        UNetBlockKind kind = config.DownBlocks[level];
        bool byResidual = kind == UNetBlockKind.Resampling || (kind == UNetBlockKind.Attention && config.AttentionDownsamplesByResidual);
        nn.Module? downsampler = level == config.Levels - 1 ? null
            : byResidual ? new UNetResidualBlock(config, channels, channels, dropout, Resampling.Down)
            : UNetResizeBlock.Down(channels, config.DownsamplePadding);
        return new UNetLevelBlock(
            Enumerable.Range(0, config.LayersPerBlock).Select(
                i => new UNetResidualBlock(config, i == 0 ? before : channels, channels, dropout)),
            Attentions(config, channels, kind, config.LayersPerBlock, contextSize: 0),
            Attentions(config, channels, kind, config.ContextTokens > 0 ? config.LayersPerBlock : 0, config.EmbeddingSize),
            downsampler: downsampler);
    }

    public static UNetLevelBlock Up(UNetArchitecture config, int step, double dropout)
    {
        int level = config.Levels - 1 - step;
        int channels = config.BlockOutChannels[level];
        int before = config.BlockOutChannels[Math.Min(level + 1, config.Levels - 1)];
        int last = config.BlockOutChannels[Math.Max(0, level - 1)];
        UNetBlockKind kind = config.UpBlocks[step];
        int layers = config.LayersPerBlock + 1;
        bool byResidual = kind == UNetBlockKind.Resampling || (kind == UNetBlockKind.Attention && config.AttentionUpsamplesByResidual);
        nn.Module? upsampler = level == 0 ? null
            : byResidual ? new UNetResidualBlock(config, channels, channels, dropout, Resampling.Up)
            : UNetResizeBlock.Up(channels);
        // The shortcuts come from the level itself, but for the last, which begins it.
        return new UNetLevelBlock(
            Enumerable.Range(0, layers).Select(
                i => new UNetResidualBlock(config, (i == 0 ? before : channels) + (i == layers - 1 ? last : channels), channels, dropout)),
            Attentions(config, channels, kind, layers, contextSize: 0),
            Attentions(config, channels, kind, config.ContextTokens > 0 ? layers : 0, config.EmbeddingSize),
            upsampler: upsampler);
    }

    public static UNetLevelBlock Middle(UNetArchitecture config, double dropout)
    {
        int channels = config.BlockOutChannels[^1];
        double scale = config.MidBlockScaleFactor;
        int groups = config.MidAttentionNormGroups ?? (config.ScalesAndShifts ? 0 : config.NormGroups);
        return new UNetLevelBlock(
            Enumerable.Range(0, 2).Select(_ => new UNetResidualBlock(config, channels, channels, dropout, scale: scale)),
            config.HasMidAttention ? [new UNetAttentionBlock(config, channels, groups, scale)] : [],
            config.HasMidAttention && config.ContextTokens > 0
                ? [new UNetAttentionBlock(config, channels, config.NormGroups, scale, config.EmbeddingSize)]
                : []);
    }

    /// <summary>Down: what each part gives is put on a stack for the way up.</summary>
    public Tensor Down(Tensor x, Tensor embedding, Tensor? context, Stack<Tensor> shortcuts)
    {
        for (int i = 0; i < resnets.Count; i++)
        {
            x = Attend(resnets[i].Forward(x, embedding), i, context);
            shortcuts.Push(x);
        }

        if (downsamplers is null)
            return x;
        x = Resize(downsamplers[0], x, embedding);
        shortcuts.Push(x);
        return x;
    }

    /// <summary>Up: each residual block takes the shortcut on top of the stack as further channels.</summary>
    public Tensor Up(Tensor x, Tensor embedding, Tensor? context, Stack<Tensor> shortcuts)
    {
        for (int i = 0; i < resnets.Count; i++)
            x = Attend(resnets[i].Forward(x, embedding, beside: shortcuts.Pop()), i, context);
        return upsamplers is null ? x : Resize(upsamplers[0], x, embedding);
    }

    public Tensor Middle(Tensor x, Tensor embedding, Tensor? context) =>
        resnets[1].Forward(Attend(resnets[0].Forward(x, embedding), 0, context), embedding);

    private Tensor Attend(Tensor x, int index, Tensor? context)
    {
        if (attentions is not null)
            x = attentions[index].Forward(x);
        return cross_attentions is null ? x : cross_attentions[index].Forward(x, context);
    }

    private static Tensor Resize(nn.Module module, Tensor x, Tensor embedding) => module switch
    {
        UNetResidualBlock block => block.Forward(x, embedding),
        var block => ((UNetResizeBlock)block).Forward(x),
    };

    private static IEnumerable<UNetAttentionBlock> Attentions(
        UNetArchitecture config, int channels, UNetBlockKind kind, int count, int contextSize) =>
        Enumerable.Range(0, kind == UNetBlockKind.Attention ? count : 0)
            .Select(_ => new UNetAttentionBlock(config, channels, config.NormGroups, contextSize: contextSize));
}

/// <summary>Halves height and width by a convolution, or doubles them by nearest neighbors and one.</summary>
internal sealed class UNetResizeBlock : nn.Module
{
    private readonly WeightedLayer conv;

    private readonly bool _padsEnd;

    private UNetResizeBlock(WeightedLayer convolution, bool padsEnd)
        : base(nameof(UNetResizeBlock))
    {
        (conv, _padsEnd) = (convolution, padsEnd);
        RegisterComponents();
    }

    public static UNetResizeBlock Down(int channels, int padding) =>
        new(new Conv2d(channels, channels, 3, stride: 2, padding), padsEnd: padding == 0);

    public static UNetResizeBlock Up(int channels) => new(new UpsamplingConv2d(channels, channels), padsEnd: false);

    public Tensor Forward(Tensor x) => conv.call(_padsEnd ? F.pad(x, [0L, 1, 0, 1]) : x);
}
