using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>An encoder's weights, and those of its head, under the names of transformers.</summary>
internal sealed class EncoderWeights
{
    // Of heads that are not asked for, and buffers that older versions wrote.
    private static readonly string[] _otherModules =
    [
        "embeddings.position_ids", "pooler.", "cls.", "lm_head.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector.",
        "classifier.", "pre_classifier.", "qa_outputs.", "head.", "decoder.",
    ];

    private readonly PlainLayers _layers;
    private readonly EncoderConfig _config;
    private readonly EncoderNames _names;
    private readonly string _prefix;
    private readonly Dictionary<string, torch.Tensor> _views = new(StringComparer.Ordinal);

    private EncoderWeights(torch.nn.Module module, EncoderConfig config, string prefix)
    {
        (_config, _names, _prefix) = (config, EncoderNames.Of(config), prefix);
        _layers = new PlainLayers(module, "files in the layout of Hugging Face hold");
    }

    /// <summary>Whether a file has the layer of BERT's pooled output.</summary>
    public static bool HasPooler(ISafetensorsReader file) =>
        file.Tensors.Keys.Any(name => name.EndsWith("pooler.dense.weight", StringComparison.Ordinal));

    /// <summary>Whether a file has what predicts masked tokens.</summary>
    public static bool HasTokenHead(ISafetensorsReader file, EncoderConfig config) => file.Tensors.ContainsKey(
        config.IsModernBert ? "decoder.bias"
        : config.IsDistilBert ? "vocab_transform.weight"
        : config.IsRoberta ? "lm_head.dense.weight"
        : "cls.predictions.transform.dense.weight");

    /// <summary>Whether a file has what scores classes.</summary>
    public static bool HasClassHead(ISafetensorsReader file, EncoderConfig config) =>
        file.Tensors.ContainsKey(config.IsRoberta ? "classifier.out_proj.weight" : "classifier.weight");

    /// <summary>Copies a file's tensors into the network, from whatever type of float they have.</summary>
    /// <exception cref="InvalidDataException">
    /// Tensors are missing, unexpected or of another type or shape; all kinds are listed.
    /// </exception>
    public static void Load(EncoderModel model, EncoderConfig config, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CopyWeights(file, ViewsUnderNamesOf(file, model, config), IsIgnored);
    }

    /// <summary>Checks that a file has the network's tensors, which need no memory.</summary>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static void Check(EncoderModel model, EncoderConfig config, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CheckWeights(file, ViewsUnderNamesOf(file, model, config), IsIgnored);
    }

    /// <summary>The tensors as a file has them. They live until the caller's scope ends.</summary>
    public static IReadOnlyList<(string Name, torch.Tensor Tensor)> Of(EncoderModel model, EncoderConfig config)
    {
        // An encoder alone is stored without the prefix.
        string prefix = model.Head is null ? "" : EncoderNames.Of(config).Prefix;
        return [.. ViewsOf(model, config, prefix).Select(view => (view.Key, view.Value))];
    }

    /// <summary>The tensors of a head on an encoder. They live until the caller's scope ends.</summary>
    public static IReadOnlyList<(string Name, torch.Tensor Tensor)> Of(torch.nn.Module head, EncoderConfig config)
    {
        var weights = new EncoderWeights(head, config, EncoderNames.Of(config).Prefix);
        weights.AddHead(head);
        return [.. weights._views.Select(view => (view.Key, view.Value))];
    }

    private static Dictionary<string, torch.Tensor> ViewsOf(EncoderModel model, EncoderConfig config, string prefix)
    {
        var weights = new EncoderWeights(model, config, prefix);
        weights.AddEncoder(model.Encoder);
        weights.AddHead(model.Head);
        return weights._views;
    }

    private static bool IsIgnored(string name)
    {
        string[] prefixes = ["", "bert.", "roberta.", "distilbert.", "model."];
        return prefixes.Any(prefix => _otherModules.Any(other => name.StartsWith(prefix + other, StringComparison.Ordinal)));
    }

    // The first files called the gain and the bias of normalizations gamma and beta.
    private static Dictionary<string, torch.Tensor> ViewsUnderNamesOf(ISafetensorsReader file, EncoderModel model, EncoderConfig config)
    {
        string prefix = EncoderNames.Of(config).Prefix;
        if (!file.Tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)))
            prefix = "";
        return ViewsOf(model, config, prefix).ToDictionary(view => FileName(view.Key), view => view.Value);

        string FileName(string name)
        {
            if (file.Tensors.ContainsKey(name))
                return name;
            string old = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^"weight".Length] + "gamma"
                : name.EndsWith(".bias", StringComparison.Ordinal) ? name[..^"bias".Length] + "beta"
                : name;
            return file.Tensors.ContainsKey(old) ? old : name;
        }
    }

    private void AddEncoder(EncoderNetwork network)
    {
        Add($"{_prefix}{_names.Tokens}.weight", network.Tokens.Weight);
        if (network.Positions is { } positions)
            Add($"{_prefix}embeddings.position_embeddings.weight", positions);
        if (network.Segments is { } segments)
            Add($"{_prefix}embeddings.token_type_embeddings.weight", segments.Weight);
        Add(_prefix + _names.EmbeddingNorm, network.EmbeddingNorm);
        for (int i = 0; i < network.Blocks.Count; i++)
            AddBlock(network.Blocks[i], $"{_prefix}{_names.Blocks}.{i}");
        if (network.Norm is { } norm)
            Add(_prefix + _names.Norm, norm);
        if (network.Pooler is { } pooler)
            Add(_prefix + EncoderNames.Pooler, pooler);
    }

    private void AddBlock(TransformerBlock block, string name)
    {
        if (block.HasAttentionNorm)
            Add($"{name}.{_names.AttentionNorm}", block.AttentionNorm);
        if (_names.QueryKeyValue is { } whole)
            Add($"{name}.{whole}", block.QueriesKeysValues);
        else
            AddParts(block.QueriesKeysValues, name);
        Add($"{name}.{_names.AttentionOut}", block.AttentionOut);
        Add($"{name}.{_names.FeedForwardNorm}", block.FeedForwardNorm);
        Add($"{name}.{_names.FeedForwardIn}", block.FeedForwardIn);
        Add($"{name}.{_names.FeedForwardOut}", block.FeedForwardOut);
    }

    private void AddParts(Linear layer, string name)
    {
        torch.Tensor weight = _layers.WeightOf(layer);
        foreach (LayerPart part in layer.Parts)
        {
            string own = $"{name}.{_names.Parts[part.Name]}";
            Add($"{own}.weight", weight.narrow(0, part.Start, part.Outputs));
            Add($"{own}.bias", layer.Bias!.narrow(0, part.Start, part.Outputs));
        }
    }

    private void AddHead(torch.nn.Module? head)
    {
        if (head is MaskedTokenHead masked)
            AddMasked(masked);
        else if (head is ClassificationHead classes)
            AddClasses(classes);
    }

    private void AddMasked(MaskedTokenHead head)
    {
        (string dense, string norm, string bias) = _config.IsModernBert ? ("head.dense", "head.norm", "decoder.bias")
            : _config.IsDistilBert ? ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias")
            : _config.IsRoberta ? ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias")
            : ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias");
        Add(dense, head.Dense);
        Add(norm, head.Norm);
        Add(bias, head.Bias);
    }

    private void AddClasses(ClassificationHead head)
    {
        Add(
            _config.IsModernBert ? "head.dense"
            : _config.IsDistilBert ? "pre_classifier"
            : _config.IsRoberta ? "classifier.dense"
            : $"{_prefix}pooler.dense", head.Dense);
        if (head.Norm is { } norm)
            Add("head.norm", norm);
        Add(_config.IsRoberta ? "classifier.out_proj" : "classifier", head.Output);
    }

    private void Add(string name, Linear layer)
    {
        Add($"{name}.weight", _layers.WeightOf(layer));
        if (layer.Bias is { } bias)
            Add($"{name}.bias", bias);
    }

    private void Add(string name, Normalization norm)
    {
        Add($"{name}.weight", norm.Gain);
        if (norm.Bias is { } bias)
            Add($"{name}.bias", bias);
    }

    private void Add(string name, torch.Tensor tensor) => _views.Add(name, tensor.detach());
}
