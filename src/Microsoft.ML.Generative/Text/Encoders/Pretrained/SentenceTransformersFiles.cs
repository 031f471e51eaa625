using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>What sentence-transformers says of a model beside the encoder: its modules, how it pools, and how long texts are.</summary>
/// <param name="Pooling">How the vectors of tokens become one.</param>
/// <param name="Normalizes">Whether vectors have the length 1.</param>
/// <param name="MaxTokens">Tokens of a text at most; <see langword="null"/>: the files do not say.</param>
/// <param name="EncoderPath">The sub-folder of the encoder; empty: it is in the folder itself.</param>
internal sealed record SentenceTransformersFiles(EmbeddingPooling Pooling, bool Normalizes, int? MaxTokens, string EncoderPath = "")
{
    public const string ModulesName = "modules.json";
    public const string PoolingFolder = "1_Pooling";
    public const string SentenceName = "sentence_bert_config.json";

    private const string ConfigName = "config.json";
    private const string MaxTokensName = "max_seq_length";
    private const string Modules = "sentence_transformers.models.";
    private const string PoolingMode = "pooling_mode_";

    private static readonly Dictionary<string, EmbeddingPooling> _poolings = new()
    {
        [PoolingMode + "cls_token"] = EmbeddingPooling.FirstToken,
        [PoolingMode + "mean_tokens"] = EmbeddingPooling.Mean,
        [PoolingMode + "max_tokens"] = EmbeddingPooling.Max,
    };

    /// <summary>Reads the files; a folder without them is pooled by the mean, as sentence-transformers does.</summary>
    /// <exception cref="FileNotFoundException">A file that the modules name is missing.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or the model has a module or a kind of pooling that is not supported; the message names it.
    /// </exception>
    public static SentenceTransformersFiles Read(HuggingFaceFolder folder)
    {
        if (!folder.Has(ModulesName))
            return new(EmbeddingPooling.Mean, false, ReadMaxTokens(folder, ""));
        EmbeddingPooling? pooling = null;
        bool normalizes = false;
        string? encoder = null;
        foreach ((string kind, string path) in ReadModules(folder))
        {
            switch (kind)
            {
                case "Transformer" when encoder is null:
                    encoder = path;
                    break;
                case "Pooling" when pooling is null:
                    pooling = folder.ReadJson($"{path}/{ConfigName}", ReadPooling);
                    break;
                case "Normalize":
                    normalizes = true;
                    break;
                default:
                    throw new InvalidDataException(
                        $"'{folder.PathOf(ModulesName)}' is not usable: it has the module {Quoted.Text(kind)}; supported values: one "
                        + "Transformer, one Pooling, Normalize.");
            }
        }

        return new(
            pooling ?? throw new InvalidDataException($"'{folder.PathOf(ModulesName)}' is not usable: it has no module Pooling."),
            normalizes, ReadMaxTokens(folder, encoder ?? ""), encoder ?? "");
    }

    /// <summary>Writes the files beside the encoder's.</summary>
    public static void Write(HuggingFaceFolder folder, SentenceEmbeddingDefinition definition)
    {
        List<(string Path, string Kind)> modules = [("", "Transformer"), (PoolingFolder, "Pooling")];
        if (definition.Normalizes)
            modules.Add(("2_Normalize", "Normalize"));
        var pooling = new JsonObject { ["word_embedding_dimension"] = definition.Encoder.Architecture.EmbeddingSize };
        foreach ((string name, EmbeddingPooling kind) in _poolings)
            pooling[name] = definition.Pooling == kind;
        folder.CreateComponent(PoolingFolder).WriteJson(ConfigName, pooling);
        folder.WriteJson(
            SentenceName, new JsonObject { [MaxTokensName] = definition.Encoder.MaxTokens, ["do_lower_case"] = false });
        folder.WriteFile(ModulesName, JsonSerializer.SerializeToUtf8Bytes(
            new JsonArray([.. modules.Select((module, i) => (JsonNode)new JsonObject
            {
                ["idx"] = i,
                ["name"] = $"{i}",
                ["path"] = module.Path,
                ["type"] = Modules + module.Kind,
            })]),
            ModelConfigJson.Options));
    }

    // The kinds without the names of their packages, which differ between versions.
    private static IEnumerable<(string Kind, string Path)> ReadModules(HuggingFaceFolder folder)
    {
        string path = folder.PathOf(ModulesName);
        foreach (ConfigReader module in ConfigReader.ReadArray(path))
        {
            string type = module.Text("type") ?? throw module.Bad("a module has no 'type'");
            yield return (type[(type.LastIndexOf('.') + 1)..], module.Text("path") ?? "");
        }
    }

    private static EmbeddingPooling ReadPooling(ConfigReader json)
    {
        string[] modes = [.. json.Names.Where(name => name.StartsWith(PoolingMode, StringComparison.Ordinal) && json.Truth(name) == true)];
        return modes is [var mode] && _poolings.TryGetValue(mode, out EmbeddingPooling pooling) ? pooling : throw json.Bad(
            $"it pools by {(modes.Length == 0 ? "nothing" : string.Join(" and ", modes))}; supported values: one of "
            + $"{string.Join(", ", _poolings.Keys)}");
    }

    private static int? ReadMaxTokens(HuggingFaceFolder folder, string encoder)
    {
        string name = encoder.Length == 0 ? SentenceName : $"{encoder}/{SentenceName}";
        if (!folder.Has(name))
            return null;
        return folder.ReadJson(name, json =>
        {
            if (json.Truth("do_lower_case") == true)
                throw json.Bad("'do_lower_case' is true, which is not supported: it belongs into the tokenizer's configuration");
            return json.Count(MaxTokensName);
        });
    }
}
