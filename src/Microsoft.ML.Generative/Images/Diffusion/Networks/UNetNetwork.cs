using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>
/// A U-Net that knows the time (Ho et al. 2020, appendix B; Dhariwal, Nichol 2021, section 3), with the computation and the weights'
/// names of diffusers' <c>UNet2DModel</c>.
/// </summary>
internal sealed class UNetNetwork : DenoiserNetwork
{
    private readonly Conv2d conv_in;
    private readonly EmbeddingTable? time_proj;
    private readonly EmbeddingBlock time_embedding;
    private readonly EmbeddingTable? class_embedding;
    private readonly EmbeddingTable? context_embedding;
    private readonly ModuleList<UNetLevelBlock> down_blocks;
    private readonly UNetLevelBlock? mid_block;
    private readonly ModuleList<UNetLevelBlock> up_blocks;
    private readonly GroupNormalization conv_norm_out;
    private readonly Conv2d conv_out;

    public UNetNetwork(UNetArchitecture config, double dropout = 0)
        : base(nameof(UNetNetwork))
    {
        Config = config;
        int channels = config.BlockOutChannels[0];
        conv_in = new Conv2d(config.InChannels, channels, 3, padding: 1);
        if (config.LearnedTimesteps is { } timesteps)
            time_proj = new EmbeddingTable(timesteps, channels);
        time_embedding = new EmbeddingBlock(channels, config.EmbeddingSize);
        if (config.ClassCount > 0)
            class_embedding = new EmbeddingTable(config.ClassCount, config.EmbeddingSize);
        if (config.ContextTokens > 0)
            context_embedding = new EmbeddingTable(config.ClassCount, (long)config.ContextTokens * config.EmbeddingSize);
        down_blocks = new ModuleList<UNetLevelBlock>(
            [.. Enumerable.Range(0, config.Levels).Select(level => UNetLevelBlock.Down(config, level, dropout))]);
        if (config.HasMidBlock)
            mid_block = UNetLevelBlock.Middle(config, dropout);
        up_blocks = new ModuleList<UNetLevelBlock>(
            [.. Enumerable.Range(0, config.Levels).Select(step => UNetLevelBlock.Up(config, step, dropout))]);
        conv_norm_out = new GroupNormalization(config.NormGroups, channels, config.NormEpsilon);
        conv_out = new Conv2d(channels, config.OutChannels, 3, padding: 1);
        RegisterComponents();
        if (ModuleTensors.HasValues)
            nn.init.zeros_(conv_out.Weight.Dense());
    }

    public UNetArchitecture Config { get; }

    public override AdaptableNetwork Adaptable => UNetModules.Of(this);

    public override Tensor Forward(Tensor x, Tensor time, ConditionValues conditions)
    {
        x = conditions.Beside(x);
        if (Config.CenterInputSample)
            x = x.Times(2).Plus(-1);
        Tensor embedding = time_embedding.call(time_proj is null
            ? Sinusoids.Of(time, Config.BlockOutChannels[0], Config.FlipSinToCos, Config.FrequencyShift)
            : time_proj.call(time.to(ScalarType.Int64)));
        if (class_embedding is not null)
            embedding = embedding.Plus(class_embedding.call(conditions.Labels!));
        // Every residual block begins with it.
        embedding = UNetMath.Activate(embedding, Config.Activation);
        // [batch, tokens, embedding size]
        Tensor? context = context_embedding?.call(conditions.Labels!).view(x.size(0), Config.ContextTokens, Config.EmbeddingSize);

        x = conv_in.call(x);
        var shortcuts = new Stack<Tensor>([x]);
        foreach (UNetLevelBlock block in down_blocks)
            x = block.Down(x, embedding, context, shortcuts);
        if (mid_block is not null)
            x = mid_block.Middle(x, embedding, context);
        foreach (UNetLevelBlock block in up_blocks)
            x = block.Up(x, embedding, context, shortcuts);
        return conv_out.call(UNetMath.Activate(conv_norm_out.call(x), Config.OutputActivation)).AsFloat32();
    }

    protected override DenoiserNetwork CreateAlike(double dropout) => new UNetNetwork(Config, dropout);
}
