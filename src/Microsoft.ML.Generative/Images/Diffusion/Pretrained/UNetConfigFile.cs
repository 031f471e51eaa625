using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Diffusion.Pretrained;

/// <summary>The <c>config.json</c> of a <c>UNet2DModel</c> as diffusers writes it, and the network that it describes.</summary>
/// <param name="Network">The network.</param>
/// <param name="Height">Of the images, in pixels.</param>
/// <param name="Width">Of the images, in pixels.</param>
/// <param name="HasNullClass">Whether the last class is that of images without one; this library's own remark.</param>
internal sealed record UNetConfigFile(UNetArchitecture Network, int Height, int Width, bool HasNullClass)
{
    public const string ClassName = "UNet2DModel";

    private const string NullClass = "_null_class";

    private static readonly Dictionary<string, UNetBlockKind> _down = new()
    {
        ["DownBlock2D"] = UNetBlockKind.Plain,
        ["AttnDownBlock2D"] = UNetBlockKind.Attention,
        ["ResnetDownsampleBlock2D"] = UNetBlockKind.Resampling,
    };

    private static readonly Dictionary<string, UNetBlockKind> _up = new()
    {
        ["UpBlock2D"] = UNetBlockKind.Plain,
        ["AttnUpBlock2D"] = UNetBlockKind.Attention,
        ["ResnetUpsampleBlock2D"] = UNetBlockKind.Resampling,
    };

    private static readonly Dictionary<string, UNetActivation> _activations = new()
    {
        ["silu"] = UNetActivation.Silu,
        ["swish"] = UNetActivation.Silu,
        ["mish"] = UNetActivation.Mish,
        ["gelu"] = UNetActivation.Gelu,
        ["relu"] = UNetActivation.Relu,
    };

    private static readonly Dictionary<string, bool> _resizing = new() { ["conv"] = false, ["resnet"] = true };

    // All that the class knows; what begins with an underscore is the writer's own.
    private static readonly HashSet<string> _known =
    [
        "sample_size", "in_channels", "out_channels", "center_input_sample",
        "time_embedding_type", "time_embedding_dim", "freq_shift", "flip_sin_to_cos",
        "down_block_types", "mid_block_type", "up_block_types", "block_out_channels",
        "layers_per_block", "mid_block_scale_factor", "downsample_padding", "downsample_type", "upsample_type",
        "dropout", "act_fn", "attention_head_dim", "norm_num_groups", "attn_norm_num_groups", "norm_eps",
        "resnet_time_scale_shift", "add_attention", "class_embed_type", "num_class_embeds", "num_train_timesteps",
    ];

    /// <summary>Reads a configuration; what is absent has the default of diffusers' class.</summary>
    /// <param name="path">The file.</param>
    /// <param name="warn">Receives each member that is not supported.</param>
    /// <exception cref="InvalidDataException">
    /// It is damaged, of another kind of model, or asks for what this library does not have; the message names it.
    /// </exception>
    public static UNetConfigFile Read(string path, Action<string> warn) => ConfigReader.ReadFile(path, json => Read(path, json, warn));

    /// <summary>The file's content.</summary>
    public JsonObject ToJson()
    {
        UNetArchitecture n = Network;
        var json = new JsonObject
        {
            ["_class_name"] = ClassName,
            ["sample_size"] = Height == Width ? Height : new JsonArray(Height, Width),
            ["in_channels"] = n.InChannels,
            ["out_channels"] = n.OutChannels,
            ["center_input_sample"] = n.CenterInputSample,
            ["time_embedding_type"] = n.LearnedTimesteps is null ? "positional" : "learned",
            ["time_embedding_dim"] = n.TimeEmbeddingSize,
            ["freq_shift"] = n.FrequencyShift == Math.Floor(n.FrequencyShift) ? (long)n.FrequencyShift : n.FrequencyShift,
            ["flip_sin_to_cos"] = n.FlipSinToCos,
            ["down_block_types"] = Names(n.DownBlocks, _down),
            ["mid_block_type"] = n.HasMidBlock ? "UNetMidBlock2D" : null,
            ["up_block_types"] = Names(n.UpBlocks, _up),
            ["block_out_channels"] = new JsonArray([.. n.BlockOutChannels.Select(c => (JsonNode)c)]),
            ["layers_per_block"] = n.LayersPerBlock,
            ["mid_block_scale_factor"] = n.MidBlockScaleFactor,
            ["downsample_padding"] = n.DownsamplePadding,
            ["downsample_type"] = n.AttentionDownsamplesByResidual ? "resnet" : "conv",
            ["upsample_type"] = n.AttentionUpsamplesByResidual ? "resnet" : "conv",
            ["dropout"] = 0.0,
            ["act_fn"] = _activations.First(a => a.Value == n.Activation).Key,
            ["attention_head_dim"] = n.AttentionHeadSize,
            ["norm_num_groups"] = n.NormGroups,
            ["attn_norm_num_groups"] = n.MidAttentionNormGroups,
            ["norm_eps"] = n.NormEpsilon,
            ["resnet_time_scale_shift"] = n.ScalesAndShifts ? "scale_shift" : "default",
            ["add_attention"] = n.HasMidAttention,
            ["class_embed_type"] = null,
            ["num_class_embeds"] = n.ClassCount == 0 ? null : n.ClassCount,
            ["num_train_timesteps"] = n.LearnedTimesteps,
        };
        if (HasNullClass)
            json[NullClass] = true;
        return json;
    }

    private static UNetConfigFile Read(string path, ConfigReader json, Action<string> warn)
    {
        string className = json.Text("_class_name") ?? ClassName;
        if (className != ClassName)
            throw json.Bad($"'_class_name' is {Quoted.Text(className)}; known is {ClassName}");
        foreach (string name in json.Names.Where(name => !name.StartsWith('_') && !_known.Contains(name)))
            warn($"'{path}' has the member {Quoted.Text(name)}, which is not supported and is ignored.");

        string time = json.Text("time_embedding_type") ?? "positional";
        if (time is not ("positional" or "learned"))
            throw json.Bad($"'time_embedding_type' is {Quoted.Text(time)}; supported values: positional, learned");
        if (json.Text("class_embed_type") is { } embedding)
            throw json.Bad($"'class_embed_type' is {Quoted.Text(embedding)}; known is null, a vector for each class");
        if (!json.IsNull("mid_block_type"))
            json.Choose("mid_block_type", "UNetMidBlock2D", new Dictionary<string, bool> { ["UNetMidBlock2D"] = true });
        int? timesteps = time != "learned" ? null : json.Count("num_train_timesteps")
            ?? throw json.Bad("'time_embedding_type' is learned, but there is no 'num_train_timesteps'");

        UNetArchitecture network = new UNetArchitecture
        {
            InChannels = json.Count("in_channels") ?? 3,
            OutChannels = json.Count("out_channels") ?? 3,
            BlockOutChannels = [.. json.Counts("block_out_channels") ?? [224, 448, 672, 896]],
            DownBlocks = Kinds(json, "down_block_types", ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"], _down),
            UpBlocks = Kinds(json, "up_block_types", ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"], _up),
            HasMidBlock = !json.IsNull("mid_block_type"),
            HasMidAttention = json.Truth("add_attention") ?? true,
            LayersPerBlock = json.Count("layers_per_block") ?? 2,
            CenterInputSample = json.Truth("center_input_sample") ?? false,
            TimeEmbeddingSize = json.Count("time_embedding_dim") is > 0 and var size ? size : null,
            FrequencyShift = json.Number("freq_shift") ?? 0,
            FlipSinToCos = json.Truth("flip_sin_to_cos") ?? true,
            LearnedTimesteps = timesteps,
            MidBlockScaleFactor = json.Number("mid_block_scale_factor") ?? 1,
            DownsamplePadding = json.Count("downsample_padding") ?? 1,
            AttentionDownsamplesByResidual = json.Choose("downsample_type", "conv", _resizing),
            AttentionUpsamplesByResidual = json.Choose("upsample_type", "conv", _resizing),
            Activation = json.Choose("act_fn", "silu", _activations),
            AttentionHeadSize = json.IsNull("attention_head_dim") ? null : json.Count("attention_head_dim") ?? 8,
            NormGroups = json.Count("norm_num_groups") ?? 32,
            MidAttentionNormGroups = json.Count("attn_norm_num_groups"),
            NormEpsilon = json.Number("norm_eps") ?? 1e-5,
            ScalesAndShifts = json.Choose(
                "resnet_time_scale_shift", "default", new Dictionary<string, bool> { ["default"] = false, ["scale_shift"] = true }),
            ClassCount = json.Count("num_class_embeds") ?? 0,
        };
        ModelFile.Check(network.Validate);
        IReadOnlyList<int> sides = json.Counts("sample_size") ?? [];
        (int height, int width) = sides is [var side] ? (side, side)
            : sides is [var h, var w] ? (h, w)
            : throw json.Bad("'sample_size' is not the height and width of the images");
        return new UNetConfigFile(network, height, width, json.Truth(NullClass) ?? false);
    }

    private static UNetBlockKind[] Kinds(ConfigReader json, string name, string[] fallback, Dictionary<string, UNetBlockKind> known) =>
        [.. (json.Texts(name) ?? fallback).Select(
            type => known.TryGetValue(type.StartsWith("UNetRes", StringComparison.Ordinal) ? type[7..] : type, out UNetBlockKind kind)
            ? kind
            : throw json.Bad($"'{name}' has {Quoted.Text(type)}; supported values: {string.Join(", ", known.Keys)}"))];

    private static JsonArray Names(UNetBlockKind[] kinds, Dictionary<string, UNetBlockKind> known) =>
        new([.. kinds.Select(kind => (JsonNode)known.First(k => k.Value == kind).Key)]);
}
