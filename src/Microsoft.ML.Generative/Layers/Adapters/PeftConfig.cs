using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>The configuration of PEFT, <c>adapter_config.json</c>, and its names of tensors.</summary>
internal static class PeftConfig
{
    public const string FileName = "adapter_config.json";

    private const string Lora = "LORA";

    private static readonly Dictionary<string, LoraBias> _biases = new()
    {
        ["none"] = LoraBias.None,
        ["all"] = LoraBias.All,
        ["lora_only"] = LoraBias.LoraOnly,
    };

    // What changes the computation, and this library does not have.
    private static readonly string[] _unsupported =
    [
        "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "layer_replication", "megatron_config", "arrow_config",
    ];

    // They change the base model, too, so that the adapter alone is not enough.
    private static readonly string[] _changingInitializations = ["pissa", "olora", "loftq", "corda", "lora_ga"];

    /// <summary>
    /// The options with which a training would make such an adapter, and whether a module, by PEFT's name, is in a layer that has it.
    /// </summary>
    /// <exception cref="InvalidDataException">The file asks for something that is not supported; the message names it.</exception>
    public static (LoraOptions Options, Predicate<string> IsInLayers) Read(ConfigReader json)
    {
        if (json.Text("peft_type") is var type && type != Lora)
            throw json.Bad($"'peft_type' is {Quoted.Text(type ?? "missing")}; expected '{Lora}'");
        if (_unsupported.FirstOrDefault(name => json.Has(name) && !json.IsNull(name)) is { } found)
            throw json.Bad($"'{found}' is set, which is not supported");
        json.Require("lora_bias", false);
        json.Require("use_qalora", false);
        if (json.IsText("init_lora_weights") && json.Text("init_lora_weights") is { } start
            && _changingInitializations.Any(name => start.StartsWith(name, StringComparison.OrdinalIgnoreCase)))
        {
            throw json.Bad(
                $"'init_lora_weights' is {Quoted.Text(start)}, which changes the base model: save the adapter as an ordinary one, "
                + "by path_initial_model_for_weight_conversion of PEFT");
        }

        var options = new LoraOptions
        {
            Rank = json.Count("r") ?? 8,
            Alpha = json.Number("lora_alpha") ?? 8,
            UseRsLora = json.Truth("use_rslora") ?? false,
            UseDora = json.Truth("use_dora") ?? false,
            Bias = json.Choose("bias", "none", _biases),
            ModulesToSave = json.Texts("modules_to_save") ?? [],
            RankPattern = Pattern(json, "rank_pattern", (ranks, name) => ranks.Count(name) ?? 0),
            AlphaPattern = Pattern(json, "alpha_pattern", (alphas, name) => alphas.Number(name) ?? 0),
        };
        if (!json.IsText("target_modules"))
            options.TargetModules = json.Texts("target_modules") ?? throw json.Bad("'target_modules' is missing");
        else if (json.Text("target_modules") is var target && target != LoraOptions.AllLinear)
            options.TargetPattern = target;
        if (json.IsText("exclude_modules"))
            throw json.Bad("'exclude_modules' is a regular expression; only a list is supported");
        options.ExcludeModules = json.Texts("exclude_modules") ?? [];
        return (options, Layers(json));
    }

    // As PEFT finds a layer's number in a name: without a pattern, it is the last number.
    private static Predicate<string> Layers(ConfigReader json)
    {
        const string patternName = "layers_pattern";
        if (json.Counts("layers_to_transform") is not { Count: > 0 } numbers)
            return _ => true;
        string[] patterns = json.TextOrTexts(patternName) ?? [];
        string[] before = [.. patterns.Where(pattern => pattern.Length > 0).Select(Regex.Escape)];
        Regex[] all = [.. (before.Length > 0 ? before : ["[^.]*"]).Select(
            name => new Regex($@"\A.*\.{name}\.([0-9]+)\.", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant))];
        return module => all.Select(pattern => pattern.Match(module)).FirstOrDefault(match => match.Success) is { } found
            && int.TryParse(found.Groups[1].Value, CultureInfo.InvariantCulture, out int number) && numbers.Contains(number);
    }

    private static Dictionary<string, T> Pattern<T>(ConfigReader json, string name, Func<ConfigReader, string, T> read) =>
        json.Object(name) is { } pattern ? pattern.Names.ToDictionary(module => module, module => read(pattern, module)) : [];

    /// <summary>The tensors of an adapter under PEFT's names and in its shapes, as views.</summary>
    /// <param name="module">The module's name, with what stands before it.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="adapter">The adapter.</param>
    public static IEnumerable<(string Name, Tensor Tensor)> Tensors(string module, AdaptableLayer layer, LoraAdapter adapter)
    {
        bool isEmbedding = layer is EmbeddingTable;
        yield return (module + (isEmbedding ? ".lora_embedding_A" : ".lora_A.weight"), adapter.A.detach());
        yield return (module + (isEmbedding ? ".lora_embedding_B" : ".lora_B.weight"), adapter.B.detach());
        if (adapter.Magnitude is { } magnitude)
        {
            bool isConvolution = adapter.B.dim() > 2;
            yield return ($"{module}.lora_magnitude_vector", isConvolution ? magnitude.detach().view(1, -1, 1, 1) : magnitude.detach());
        }
    }

    /// <summary>The shortest names that mean some modules and no others.</summary>
    /// <param name="wanted">The names of the modules.</param>
    /// <param name="all">Those of all modules.</param>
    public static string[] ShortestNames(IReadOnlyCollection<string> wanted, IEnumerable<string> all)
    {
        string[] others = [.. all.Except(wanted)];
        return [.. wanted.Select(Shortest).Distinct()];

        string Shortest(string module)
        {
            string[] parts = module.Split('.');
            return Enumerable.Range(1, parts.Length).Select(length => string.Join('.', parts[^length..]))
                .First(name => !others.Any(other => ModuleNames.Ends(other, name)));
        }
    }

    /// <summary>The file's content.</summary>
    /// <param name="task">PEFT's name of the task, or <see langword="null"/>.</param>
    /// <param name="shape">The form of the adapters, whose modules have PEFT's names.</param>
    /// <param name="targets">What PEFT finds these modules by.</param>
    /// <param name="saved">PEFT's names of the modules that are saved as a whole.</param>
    /// <param name="isTransposed">Whether the network has its weights as [inputs, outputs].</param>
    public static JsonObject ToJson(
        string? task, LoraShape shape, IEnumerable<string> targets, IReadOnlyList<string> saved, bool isTransposed)
    {
        int rank = MostFrequent(shape.Modules.Select(m => m.Rank));
        double alpha = MostFrequent(shape.Modules.Select(m => m.Alpha));
        return new JsonObject
        {
            ["peft_type"] = Lora,
            ["task_type"] = task,
            ["base_model_name_or_path"] = null,
            ["inference_mode"] = true,
            ["r"] = rank,
            ["lora_alpha"] = Number(alpha),
            ["lora_dropout"] = 0.0,
            ["target_modules"] = new JsonArray([.. targets.Select(name => (JsonNode)name)]),
            ["rank_pattern"] = Others(shape.Modules.Where(m => m.Rank != rank), m => m.Rank),
            ["alpha_pattern"] = Others(shape.Modules.Where(m => m.Alpha != alpha), m => Number(m.Alpha)),
            ["bias"] = _biases.First(b => b.Value == shape.Bias).Key,
            ["modules_to_save"] = saved.Count == 0 ? null : new JsonArray([.. saved.Select(name => (JsonNode)name)]),
            ["use_rslora"] = shape.UseRsLora,
            ["use_dora"] = shape.UseDora,
            ["fan_in_fan_out"] = isTransposed,
            ["init_lora_weights"] = true,
        };

        static T MostFrequent<T>(IEnumerable<T> values) => values.GroupBy(value => value).MaxBy(group => group.Count())!.Key;

        static JsonObject Others(IEnumerable<LoraModuleShape> modules, Func<LoraModuleShape, JsonNode> value) =>
            new(modules.Select(m => KeyValuePair.Create(m.Name, (JsonNode?)value(m))));

        // PEFT's type is a whole number.
        static JsonNode Number(double value) => value == Math.Floor(value) && value < int.MaxValue ? (int)value : value;
    }
}
