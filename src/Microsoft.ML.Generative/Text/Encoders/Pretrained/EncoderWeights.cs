using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>An encoder's weights, and those of its head, under the names of transformers.</summary>
internal sealed class EncoderWeights
{
    private static readonly Dictionary<string, string> _bertParts = new()
    {
        [LayerPart.Query] = "attention.self.query",
        [LayerPart.Key] = "attention.self.key",
        [LayerPart.Value] = "attention.self.value",
    };

    private static readonly Dictionary<string, string> _distilBertParts = new()
    {
        [LayerPart.Query] = "attention.q_lin",
        [LayerPart.Key] = "attention.k_lin",
        [LayerPart.Value] = "attention.v_lin",
    };

    // Of heads that are not asked for, and buffers that older versions wrote.
    private static readonly string[] _otherModules =
    [
        "embeddings.position_ids", "pooler.", "cls.", "lm_head.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector.",
        "classifier.", "pre_classifier.", "qa_outputs.", "head.", "decoder.",
    ];

    private readonly PlainLayers _layers;
    private readonly EncoderConfig _config;
    private readonly string _prefix;
    private readonly Dictionary<string, torch.Tensor> _views = new(StringComparer.Ordinal);

    private EncoderWeights(EncoderModel model, EncoderConfig config, string prefix)
    {
        (_config, _prefix) = (config, prefix);
        _layers = new PlainLayers(model, "files in the layout of Hugging Face hold");
        AddEncoder(model.Encoder);
        if (model.Head is MaskedTokenHead masked)
            AddMasked(masked);
        else if (model.Head is ClassificationHead classes)
            AddClasses(classes);
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
        string prefix = model.Head is null ? "" : PrefixOf(config);
        return [.. new EncoderWeights(model, config, prefix)._views.Select(view => (view.Key, view.Value))];
    }

    private static string PrefixOf(EncoderConfig config) =>
        config.IsModernBert ? "model." : config.IsDistilBert ? "distilbert." : config.IsRoberta ? "roberta." : "bert.";

    private static bool IsIgnored(string name)
    {
        string[] prefixes = ["", "bert.", "roberta.", "distilbert.", "model."];
        return prefixes.Any(prefix => _otherModules.Any(other => name.StartsWith(prefix + other, StringComparison.Ordinal)));
    }

    // The first files called the gain and the bias of normalizations gamma and beta.
    private static Dictionary<string, torch.Tensor> ViewsUnderNamesOf(ISafetensorsReader file, EncoderModel model, EncoderConfig config)
    {
        string prefix = PrefixOf(config);
        if (!file.Tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)))
            prefix = "";
        return new EncoderWeights(model, config, prefix)._views.ToDictionary(view => FileName(view.Key), view => view.Value);

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
        if (_config.IsModernBert)
            AddModernEncoder(network);
        else
            AddBertEncoder(network);
    }

    private void AddModernEncoder(EncoderNetwork network)
    {
        Add($"{_prefix}embeddings.tok_embeddings.weight", network.Tokens.Weight);
        Add($"{_prefix}embeddings.norm", network.EmbeddingNorm);
        for (int i = 0; i < network.Blocks.Count; i++)
        {
            string name = $"{_prefix}layers.{i}";
            TransformerBlock block = network.Blocks[i];
            if (block.HasAttentionNorm)
                Add($"{name}.attn_norm", block.AttentionNorm);
            Add($"{name}.attn.Wqkv", block.QueriesKeysValues);
            Add($"{name}.attn.Wo", block.AttentionOut);
            Add($"{name}.mlp_norm", block.FeedForwardNorm);
            Add($"{name}.mlp.Wi", block.FeedForwardIn);
            Add($"{name}.mlp.Wo", block.FeedForwardOut);
        }

        Add($"{_prefix}final_norm", network.Norm!);
    }

    private void AddBertEncoder(EncoderNetwork network)
    {
        string blocks = _config.IsDistilBert ? "transformer.layer" : "encoder.layer";
        Add($"{_prefix}embeddings.word_embeddings.weight", network.Tokens.Weight);
        Add($"{_prefix}embeddings.position_embeddings.weight", network.Positions!);
        if (network.Segments is { } segments)
            Add($"{_prefix}embeddings.token_type_embeddings.weight", segments.Weight);
        Add($"{_prefix}embeddings.LayerNorm", network.EmbeddingNorm);
        for (int i = 0; i < network.Blocks.Count; i++)
        {
            string name = $"{_prefix}{blocks}.{i}";
            TransformerBlock block = network.Blocks[i];
            torch.Tensor weight = _layers.WeightOf(block.QueriesKeysValues), bias = block.QueriesKeysValues.Bias!;
            foreach (LayerPart part in block.QueriesKeysValues.Parts)
            {
                string own = $"{name}.{(_config.IsDistilBert ? _distilBertParts : _bertParts)[part.Name]}";
                Add($"{own}.weight", weight.narrow(0, part.Start, part.Outputs));
                Add($"{own}.bias", bias.narrow(0, part.Start, part.Outputs));
            }

            (string output, string norm, string up, string down, string lastNorm) = _config.IsDistilBert
                ? ("attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm")
                : ("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm");
            Add($"{name}.{output}", block.AttentionOut);
            Add($"{name}.{norm}", block.AttentionNorm);
            Add($"{name}.{up}", block.FeedForwardIn);
            Add($"{name}.{down}", block.FeedForwardOut);
            Add($"{name}.{lastNorm}", block.FeedForwardNorm);
        }

        if (network.Pooler is { } pooler)
            Add($"{_prefix}pooler.dense", pooler);
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
