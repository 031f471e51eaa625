using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Diffusion.Pretrained;

/// <summary>
/// Low-rank adapters as diffusers keeps them: <c>pytorch_lora_weights.safetensors</c>, with α and the like in the header.
/// </summary>
internal static class DiffusersLora
{
    public const string WeightsName = "pytorch_lora_weights";

    private const string Layout = "diffusers";
    private const string MetadataKey = "lora_adapter_metadata";
    private const string AlphaEnding = ".alpha";
    private const string UNetPrefix = "unet";
    private const string TransformerPrefix = "transformer";

    // Names of earlier versions, and what they are today.
    private static readonly (string Former, string Present)[] _renamed =
    [
        (".processor.", "."),
        (".to_q_lora.", ".to_q.lora."), (".to_k_lora.", ".to_k.lora."), (".to_v_lora.", ".to_v.lora."),
        (".to_out_lora.", ".to_out.0.lora."),
        (".to_out.lora_magnitude_vector", ".to_out.0.lora_magnitude_vector"),
        (".lora.down.", ".lora_A."), (".lora.up.", ".lora_B."),
        (".lora_down.", ".lora_A."), (".lora_up.", ".lora_B."),
        (".lora_linear_layer.down.", ".lora_A."), (".lora_linear_layer.up.", ".lora_B."),
        (".query.lora_", ".to_q.lora_"), (".key.lora_", ".to_k.lora_"), (".value.lora_", ".to_v.lora_"),
        (".proj_attn.lora_", ".to_out.0.lora_"),
    ];

    // kohya's trainers write underscores for the dots in a module's name: lora_unet_mid_block_attentions_0_to_q.lora_down.weight.
    private const string KohyaPrefix = "lora_unet_";

    private static readonly string[] _prefixes = [$"{UNetPrefix}.", $"{TransformerPrefix}.", "base_model.model."];

    /// <summary>Writes an adapter; the file appears under its name only when it is complete.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="network">The network without the adapter.</param>
    /// <param name="weights">The adapter.</param>
    /// <exception cref="NotSupportedException">
    /// diffusers has no such module, or no place for trained parameters of the network itself; nothing has been written then.
    /// </exception>
    public static void Save(string path, DenoiserNetwork network, LoraWeights weights)
    {
        AdaptableNetwork modules = network.Adaptable;
        LoraShape shape = weights.Shape;
        if (shape.Tensors.Length > 0)
        {
            throw new NotSupportedException(
                $"The adapter {Quoted.Text(shape.Name)} has parameters of the network itself ('{shape.Tensors[0]}'), for which diffusers' "
                + "files have no place: save the model with mlContext.Model.Save instead.");
        }

        AdaptableModule[] targets = [.. shape.Modules.Select(module => modules.Modules.First(m => m.Name == module.Name))];
        if (targets.FirstOrDefault(target => target.ForeignName is null) is { } own)
        {
            throw new NotSupportedException(
                $"diffusers has no module like '{own.Name}', which has an adapter: save the model with mlContext.Model.Save instead.");
        }

        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        string prefix = PrefixOf(network);
        LoraShape foreign =
            shape with { Modules = [.. shape.Modules.Zip(targets, (module, target) => module with { Name = target.ForeignName! })] };
        string[] names = PeftConfig.ShortestNames(
            [.. foreign.Modules.Select(m => m.Name)], modules.Modules.Select(m => m.ForeignName).OfType<string>());
        JsonObject config = PeftConfig.ToJson(null, foreign, names, [], isTransposed: false);
        var packed = new JsonObject(config.Select(m => KeyValuePair.Create($"{prefix}.{m.Key}", m.Value?.DeepClone())));
        HuggingFaceFolder.Create(path, Layout).WriteWeights(
            targets.Zip(weights.Adapters)
                .SelectMany(pair => PeftConfig.Tensors($"{prefix}.{pair.First.ForeignName}", pair.First.Layer, pair.Second.Adapter)),
            WeightsName,
            new Dictionary<string, string> { [MetadataKey] = packed.ToJsonString() });
    }

    /// <summary>Reads an adapter for a network.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="network">The network without the adapter.</param>
    /// <exception cref="FileNotFoundException">The folder lacks the file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is damaged, asks for what is not supported, or is not of this network; the message names it.
    /// </exception>
    public static LoraWeights Load(string path, string name, DenoiserNetwork network)
    {
        using ISafetensorsReader file = HuggingFaceFolder.Open(path, Layout).OpenWeights(WeightsName);
        AdaptableNetwork modules = network.Adaptable;
        Dictionary<string, string> keys =
            file.Tensors.Keys.GroupBy(key => PresentName(key, modules)).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        LoraShape shape = ShapeOf(file, keys, name, PrefixOf(network), modules);
        var weights = new LoraWeights(shape, network, modules);
        try
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            HuggingFaceFolder.CopyWeights(
                file, Destinations(weights, keys, modules), key => IsAlpha(key, shape, modules), acceptsPointwiseConvolutions: true);
            weights.to(network.parameters().First().device);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static string PrefixOf(DenoiserNetwork network) => network is UNetNetwork ? UNetPrefix : TransformerPrefix;

    private static string PresentName(string key, AdaptableNetwork modules)
    {
        if (key.StartsWith(KohyaPrefix, StringComparison.Ordinal) && key.IndexOf('.') is > 0 and var end)
        {
            string flat = key[KohyaPrefix.Length..end];
            key = (modules.Modules.FirstOrDefault(m => m.ForeignName?.Replace('.', '_') == flat)?.ForeignName ?? flat) + key[end..];
        }

        string prefix = _prefixes.FirstOrDefault(p => key.StartsWith(p, StringComparison.Ordinal)) ?? "";
        return _renamed.Aggregate(
            key[prefix.Length..], (name, change) => name.Replace(change.Former, change.Present, StringComparison.Ordinal));
    }

    // Which modules have adapters, and of which rank, is seen from the tensors.
    private static LoraShape ShapeOf(
        ISafetensorsReader file, Dictionary<string, string> keys, string name, string prefix, AdaptableNetwork modules)
    {
        LoraOptions? options = OptionsOf(file, prefix);
        List<LoraModuleShape> found = [];
        foreach (AdaptableModule module in modules.Modules.Where(m => m.ForeignName is not null))
        {
            if (RankOf(module) is not { } rank)
                continue;
            double alpha = keys.TryGetValue(module.ForeignName + AlphaEnding, out string? key) ? ReadAlpha(file, key)
                : options is null ? rank
                : LoraTargets.Choose(options.AlphaPattern, module, options.Alpha);
            found.Add(new LoraModuleShape(module.Name, rank, alpha));
        }

        if (found.Count == 0)
        {
            throw new InvalidDataException(
                $"'{file.Source}' has no adapter of a module of this network, but {file.Tensors.Count} tensors: "
                + $"{string.Join(", ", file.Tensors.Keys.Order(StringComparer.Ordinal).Take(5).Select(k => Quoted.Text(k)))}.");
        }

        var shape = new LoraShape
        {
            Name = name,
            Modules = [.. found],
            UseRsLora = options?.UseRsLora ?? false,
            UseDora = keys.Keys.Any(key => key.EndsWith(".lora_magnitude_vector", StringComparison.Ordinal)),
        };
        try
        {
            shape.Validate();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"'{file.Source}' is not usable: {Quoted.Message(e)}", e);
        }

        return shape;

        int? RankOf(AdaptableModule module)
        {
            foreach ((string ending, int dimension) in
                ((string, int)[])[(".lora_A.weight", 0), (".lora_B.weight", 1), (".lora_embedding_A", 0), (".lora_embedding_B", 1)])
            {
                if (keys.TryGetValue(module.ForeignName + ending, out string? key)
                    && file.Tensors[key].Shape is { Length: >= 2 } sizes && sizes[dimension] <= int.MaxValue)
                    return (int)sizes[dimension];
            }

            return null;
        }
    }

    private static LoraOptions? OptionsOf(ISafetensorsReader file, string prefix)
    {
        if (!file.Metadata.TryGetValue(MetadataKey, out string? text))
            return null;
        string source = $"{file.Source} ({MetadataKey})";
        JsonObject all;
        try
        {
            all = JsonNode.Parse(text) as JsonObject ?? throw new InvalidDataException($"'{source}' is not an object in JSON.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{source}' is not well-formed JSON: {Quoted.Message(e)}", e);
        }

        var own = new JsonObject(all.Where(m => m.Key.StartsWith(prefix + ".", StringComparison.Ordinal))
            .Select(m => KeyValuePair.Create(m.Key[(prefix.Length + 1)..], m.Value?.DeepClone())));
        if (own.Count == 0)
            return null;
        using JsonDocument document = JsonDocument.Parse(own.ToJsonString());
        LoraOptions options = PeftConfig.Read(new ConfigReader(source, document.RootElement)).Options;
        try
        {
            options.Validate();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"'{source}' is not usable: {Quoted.Message(e)}", e);
        }

        return options;
    }

    private static Dictionary<string, torch.Tensor> Destinations(
        LoraWeights weights, Dictionary<string, string> keys, AdaptableNetwork modules)
    {
        Dictionary<string, AdaptableModule> byName = modules.Modules.ToDictionary(m => m.Name);
        return weights.Adapters
            .SelectMany(a => PeftConfig.Tensors(byName[a.Name].ForeignName!, byName[a.Name].Layer, a.Adapter))
            .ToDictionary(t => keys.GetValueOrDefault(t.Name, t.Name), t => t.Tensor, StringComparer.Ordinal);
    }

    private static bool IsAlpha(string key, LoraShape shape, AdaptableNetwork modules)
    {
        string name = PresentName(key, modules);
        return name.EndsWith(AlphaEnding, StringComparison.Ordinal)
            && modules.Modules.FirstOrDefault(m => m.ForeignName == name[..^AlphaEnding.Length]) is { } module
            && shape.Modules.Any(m => m.Name == module.Name);
    }

    private static double ReadAlpha(ISafetensorsReader file, string key)
    {
        SafetensorsInfo info = file.Tensors[key];
        if (!info.Type.IsFloat() || info.Shape.Aggregate(1L, (product, size) => product * size) != 1)
            throw new InvalidDataException($"'{key}' in '{file.Source}' is {info.Describe()}; expected a single number.");
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor value = torch.empty(info.Shape, info.Type);
        file.ReadInto(new Dictionary<string, torch.Tensor> { [key] = value });
        return value.to(torch.ScalarType.Float64).item<double>();
    }
}
