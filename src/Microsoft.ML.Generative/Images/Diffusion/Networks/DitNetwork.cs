using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>
/// A diffusion transformer (Peebles, Xie, "Scalable diffusion models with transformers", 2023): patches of the image as tokens, time and
/// class through adaptive normalization that begins with nothing (adaLN-Zero).
/// </summary>
internal sealed class DitNetwork : DenoiserNetwork
{
    private readonly Linear patches;
    private readonly EmbeddingBlock time;
    private readonly EmbeddingTable? classes;
    private readonly ModuleList<DitBlock> blocks;
    private readonly Linear modulation;
    private readonly Linear head;

    private readonly DitArchitecture _config;

    public DitNetwork(DitArchitecture config, double dropout = 0)
        : base(nameof(DitNetwork))
    {
        _config = config;
        int width = config.HiddenSize, patch = config.PatchSize;
        patches = new Linear(checked((long)patch * patch * config.InChannels), width);
        time = new EmbeddingBlock(DitArchitecture.FrequencySize, width);
        if (config.ClassCount > 0)
            classes = new EmbeddingTable(config.ClassCount, width);
        blocks = new ModuleList<DitBlock>([.. ModuleTensors.Repeat(config.Layers, () => new DitBlock(config, dropout))]);
        modulation = new Linear(width, 2 * width);
        head = new Linear(width, checked((long)patch * patch * config.OutChannels));
        RegisterComponents();
        if (ModuleTensors.HasValues)
            Initialize();
    }

    // diffusers' DiTTransformer2DModel has the same modules in its blocks and at its end.
    public override AdaptableNetwork Adaptable
    {
        get
        {
            List<AdaptableModule> modules =
            [
                new("patches", null, patches),
                new("time.linear_1", null, time.First),
                new("time.linear_2", null, time.Second),
                .. classes is null ? (AdaptableModule[])[] : [new("classes", null, classes)],
                .. blocks.SelectMany((block, i) => block.Modules($"blocks.{i}", $"transformer_blocks.{i}")),
                new("outputModulation", "proj_out_1", modulation),
                new("head", "proj_out_2", head),
            ];
            string[] savable = ["patches", "time.linear_1", "time.linear_2", .. classes is null ? (string[])[] : ["classes"], "head"];
            return new AdaptableNetwork(modules, [.. savable.Select(name => new SavableModule(
                name, name, name == "classes" ? [$"{name}.weight"] : [$"{name}.weight", $"{name}.bias"]))]);
        }
    }

    public override Tensor Forward(Tensor x, Tensor time, ConditionValues conditions)
    {
        (int patch, long rows, long columns) = (_config.PatchSize, _config.Height / _config.PatchSize, _config.Width / _config.PatchSize);
        Tensor condition = this.time.call(Sinusoids.Of(time, DitArchitecture.FrequencySize));
        if (classes is not null)
            condition = condition.Plus(classes.call(conditions.Labels!));
        condition = F.silu(condition).unsqueeze(1); // [batch, 1, width]

        Tensor tokens = conditions.Beside(x)
            .view(-1, _config.InChannels, rows, patch, columns, patch)
            .permute(0, 2, 4, 1, 3, 5) // [batch, rows, columns, channels, patch, patch]
            .reshape(-1, rows * columns, (long)_config.InChannels * patch * patch); // [batch, patches, channels · patch²]
        Tensor h = patches.call(tokens).Plus(Positions(rows, columns, x.device)); // [batch, patches, width]
        foreach (DitBlock block in blocks)
            h = block.Forward(h, condition);

        Tensor[] parts = modulation.call(condition).chunk(2, -1); // shift and scale, [batch, 1, width] each
        h = head.call(DitBlock.Modulate(h, parts[0], parts[1])).AsFloat32(); // [batch, patches, channels · patch²]
        return h.view(-1, rows, columns, _config.OutChannels, patch, patch)
            .permute(0, 3, 1, 4, 2, 5) // [batch, channels, rows, patch, columns, patch]
            .reshape(-1, _config.OutChannels, _config.Height, _config.Width); // [batch, channels, height, width]
    }

    protected override DenoiserNetwork CreateAlike(double dropout) => new DitNetwork(_config, dropout);

    // Fixed sines and cosines, half of the vector of the row, half of the column (section 4): [1, patches, width].
    private Tensor Positions(long rows, long columns, Device device)
    {
        long half = _config.HiddenSize / 2;
        Tensor row = Of(rows).unsqueeze(1).expand(rows, columns, half); // [rows, columns, half]
        Tensor column = Of(columns).unsqueeze(0).expand(rows, columns, half); // [rows, columns, half]
        return cat([row, column], -1).view(1, rows * columns, 2 * half);

        Tensor Of(long count) => Sinusoids.Of(TensorFactory.Range(count, ScalarType.Float32, device), half, flipSinToCos: false);
    }

    // Appendix A: as the authors' code has it.
    private void Initialize()
    {
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            if (name.EndsWith("bias", StringComparison.Ordinal) || name.StartsWith("head", StringComparison.Ordinal)
                || name.Contains("modulation", StringComparison.Ordinal))
                nn.init.zeros_(parameter);
            else if (name.StartsWith("time", StringComparison.Ordinal) || name.StartsWith("classes", StringComparison.Ordinal))
                nn.init.normal_(parameter, 0, 0.02);
            else
                nn.init.xavier_uniform_(parameter);
        }
    }
}

/// <summary>A transformer block whose normalizations and shortcuts are scaled by the condition (Peebles, Xie 2023, figure 3).</summary>
internal sealed class DitBlock : nn.Module, IFormerNames
{
    private readonly Linear queriesKeysValues;
    private readonly Linear attentionOut;
    private readonly Linear feedForwardIn;
    private readonly Linear feedForwardOut;
    private readonly Linear modulation;

    private static readonly Dictionary<string, string> _formerNames = new()
    {
        ["perceptronIn"] = nameof(feedForwardIn),
        ["perceptronOut"] = nameof(feedForwardOut),
    };

    private readonly int _heads;
    private readonly double _dropout;

    public DitBlock(DitArchitecture config, double dropout)
        : base(nameof(DitBlock))
    {
        (_heads, _dropout) = (config.Heads, dropout);
        int width = config.HiddenSize;
        queriesKeysValues = new Linear(width, LayerPart.QueryKeyValue(config.Heads, config.Heads, width / config.Heads));
        attentionOut = new Linear(width, width);
        feedForwardIn = new Linear(width, 4L * width);
        feedForwardOut = new Linear(4L * width, width);
        modulation = new Linear(width, 6L * width);
        RegisterComponents();
    }

    public IReadOnlyDictionary<string, string> FormerNames => _formerNames;

    /// <summary>The layers that adapters can change.</summary>
    /// <param name="own">The block's name.</param>
    /// <param name="foreign">The block's name in diffusers.</param>
    public IEnumerable<AdaptableModule> Modules(string own, string foreign)
    {
        foreach (LayerPart part in queriesKeysValues.Parts)
        {
            yield return new AdaptableModule(
                $"{own}.attention.{part.Name}", $"{foreign}.attn1.to_{part.Name[0]}", queriesKeysValues, part, LoraOptions.AllLinear);
        }

        yield return Whole("attention.output", "attn1.to_out.0", attentionOut);
        yield return Whole("feedForward.up", "ff.net.0.proj", feedForwardIn);
        yield return Whole("feedForward.down", "ff.net.2", feedForwardOut);
        yield return Whole("modulation", "norm1.linear", modulation);

        AdaptableModule Whole(string name, string foreignName, Linear layer) =>
            new($"{own}.{name}", $"{foreign}.{foreignName}", layer, null, LoraOptions.AllLinear);
    }

    /// <param name="x">[batch, patches, width].</param>
    /// <param name="condition">Time and class after the activation, [batch, 1, width].</param>
    public Tensor Forward(Tensor x, Tensor condition)
    {
        // Shift, scale and gate of the attention and of the feed-forward block, [batch, 1, width] each.
        Tensor[] parts = modulation.call(condition).chunk(6, -1);
        x = x.Plus(parts[2] * Drop(Attend(Modulate(x, parts[0], parts[1]))));
        Tensor h = feedForwardOut.call(F.gelu(feedForwardIn.call(Modulate(x, parts[3], parts[4])), GELU.Approximate.tanh));
        return x.Plus(parts[5] * Drop(h));
    }

    /// <summary>A layer normalization that is shifted and scaled by the condition.</summary>
    public static Tensor Modulate(Tensor x, Tensor shift, Tensor scale) =>
        (F.layer_norm(x.AsFloat32(), [x.size(-1)], eps: 1e-6) * scale.Plus(1)).Plus(shift);

    private Tensor Attend(Tensor x)
    {
        Tensor all = queriesKeysValues.call(x).view(x.size(0), x.size(1), 3L * _heads, x.size(2) / _heads);
        Tensor attended = DotProductAttention.Packed(all, isCausal: false); // [batch, patches, heads, headSize]
        return attentionOut.call(attended.flatten(2)); // [batch, patches, width]
    }

    private Tensor Drop(Tensor x) => SeededDropout.Apply(x, _dropout, training);
}
