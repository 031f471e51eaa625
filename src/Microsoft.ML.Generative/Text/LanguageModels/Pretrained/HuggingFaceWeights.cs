using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>A network's weights under the names and in the layout of transformers.</summary>
internal static class HuggingFaceWeights
{
    // Buffers that older versions wrote.
    private static readonly string[] _ignoredEndings = [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"];

    private const string HeadName = "lm_head.weight";
    private const string EmbeddingName = "embed_tokens.weight";
    private const string Gpt2EmbeddingName = "wte.weight";

    /// <summary>Copies a file's tensors into the network, from whatever type of float they have.</summary>
    /// <exception cref="InvalidDataException">
    /// Tensors are missing, unexpected or of another type or shape; all kinds are listed.
    /// </exception>
    /// <exception cref="NotSupportedException">A layer has an adapter, or a weight that is not dense; the message names it.</exception>
    public static void Load(LanguageModelNetwork network, HuggingFaceConfig config, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CopyWeights(file, ViewsUnderNamesOf(file, network, config), IsIgnored);
    }

    /// <summary>
    /// What is wrong where a file has weights of the output layer that a network, which ties it to the embedding, leaves out;
    /// <see langword="null"/>: nothing is, since they are the embedding's.
    /// </summary>
    /// <param name="network">The network, with the file's weights.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="file">The file.</param>
    public static string? FindOtherHead(LanguageModelNetwork network, HuggingFaceConfig config, ISafetensorsReader file)
    {
        if (!config.Architecture.TieEmbeddings || !file.Tensors.TryGetValue(HeadName, out SafetensorsInfo? head))
            return null;
        torch.Tensor embedding = network.Tokens.Weight;
        if (head.Shape.AsSpan().SequenceEqual(embedding.shape) && head.Type.IsFloat())
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor read = torch.empty(head.Shape, head.Type);
            file.ReadInto(new Dictionary<string, torch.Tensor> { [HeadName] = read });
            if ((read.to(embedding.dtype).to(embedding.device) == embedding).all().ToBoolean())
                return null;
        }

        return $"'{file.Source}' has '{HeadName}' with other values than the token embedding, but tie_word_embeddings of "
            + $"'{HuggingFaceConfig.FileName}' is true: the output layer has the weights of the embedding, as in transformers. If it was "
            + "trained with weights of its own, set tie_word_embeddings to false.";
    }

    /// <summary>Checks that a file has the network's tensors, which need no memory.</summary>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static void Check(LanguageModelNetwork network, HuggingFaceConfig config, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CheckWeights(file, ViewsUnderNamesOf(file, network, config), IsIgnored);
    }

    /// <summary>The tensors as a file has them. They live until the caller's scope ends.</summary>
    /// <exception cref="NotSupportedException">A layer has an adapter, or a weight that is not dense; the message names it.</exception>
    public static IReadOnlyList<(string Name, torch.Tensor Tensor)> Of(LanguageModelNetwork network, HuggingFaceConfig config)
    {
        Dictionary<string, torch.Tensor> views = new Views(network, PrefixOf(config)).Of(config);
        if (config.IsGpt2)
        {
            // GPT-2 has all biases: those of a network without are 0.
            foreach ((string name, torch.Tensor weight) in views.Where(v => IsBiased(v.Key)).ToArray())
                views.TryAdd(name[..^"weight".Length] + "bias", torch.zeros(weight.size(-1)));
        }

        if (config.Architecture.Positions == PositionEncoding.RotaryInterleaved)
        {
            foreach (string name in views.Keys.Where(IsRotated).ToArray())
                views[name] = HalvesFromPairs(views[name], config.Architecture.ActualHeadSize);
        }

        return [.. views.Select(v => (v.Key, v.Value))];

        static bool IsBiased(string name) => name.EndsWith(".weight", StringComparison.Ordinal)
            && (name.Contains(".h.", StringComparison.Ordinal) || name.Contains(".ln_f.", StringComparison.Ordinal));

        static bool IsRotated(string name) =>
            name.Contains(".q_proj.", StringComparison.Ordinal) || name.Contains(".k_proj.", StringComparison.Ordinal);
    }

    // Where both are stored for a shared weight, the embedding counts.
    private static bool IsIgnored(string name) =>
        name == HeadName || _ignoredEndings.Any(ending => name.EndsWith(ending, StringComparison.Ordinal));

    // Without its head, a model is stored without the prefix. Of a shared weight, some files have only the head's name.
    private static Dictionary<string, torch.Tensor> ViewsUnderNamesOf(
        ISafetensorsReader file, LanguageModelNetwork network, HuggingFaceConfig config)
    {
        string prefix = PrefixOf(config);
        if (!file.Tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)))
            prefix = "";
        Dictionary<string, torch.Tensor> views = new Views(network, prefix).Of(config);
        string embedding = prefix + (config.IsGpt2 ? Gpt2EmbeddingName : EmbeddingName);
        if (config.Architecture.TieEmbeddings && !file.Tensors.ContainsKey(embedding) && file.Tensors.ContainsKey(HeadName)
            && views.Remove(embedding, out torch.Tensor? shared))
            views.Add(HeadName, shared);
        return views;
    }

    private static string PrefixOf(HuggingFaceConfig config) => config.IsGpt2 ? "transformer." : "model.";

    /// <summary>Rows 2i and 2i + 1 of a head become its rows i and i + size / 2: transformers pairs those.</summary>
    public static torch.Tensor HalvesFromPairs(torch.Tensor weight, int headSize)
    {
        torch.Tensor pairs = weight.unflatten(0, -1, headSize / 2, 2); // [heads, headSize / 2, 2, ..]
        return pairs.transpose(1, 2).flatten(0, 2); // [heads · headSize, ..]
    }

    /// <summary>The inverse of <see cref="HalvesFromPairs"/>.</summary>
    public static torch.Tensor PairsFromHalves(torch.Tensor weight, int headSize)
    {
        torch.Tensor halves = weight.unflatten(0, -1, 2, headSize / 2); // [heads, 2, headSize / 2, ..]
        return halves.transpose(1, 2).flatten(0, 2); // [heads · headSize, ..]
    }

    // Views of the network's tensors under the file's names.
    private sealed class Views(LanguageModelNetwork network, string prefix)
    {
        private static readonly Dictionary<string, string> _partNames = new()
        {
            [LayerPart.Query] = "self_attn.q_proj",
            [LayerPart.Key] = "self_attn.k_proj",
            [LayerPart.Value] = "self_attn.v_proj",
            [LayerPart.Gate] = "mlp.gate_proj",
            [LayerPart.Up] = "mlp.up_proj",
        };

        private readonly PlainLayers _layers = new(network, "files in the layout of Hugging Face hold");
        private readonly Dictionary<string, torch.Tensor> _views = new(StringComparer.Ordinal);

        public Dictionary<string, torch.Tensor> Of(HuggingFaceConfig config)
        {
            if (config.IsGpt2)
                AddGpt2();
            else
                AddLlama();
            if (!network.Shape.TiesEmbeddings)
                _views.Add(HeadName, _layers.WeightOf(network.Head).detach());
            return _views;
        }

        private void AddGpt2()
        {
            _views.Add(prefix + Gpt2EmbeddingName, network.Tokens.Weight.detach());
            _views.Add(prefix + "wpe.weight", network.Positions!.detach());
            for (int i = 0; i < network.Blocks.Count; i++)
            {
                TransformerBlock block = network.Blocks[i];
                Add($"h.{i}.ln_1", block.AttentionNorm);
                AddTransposed($"h.{i}.attn.c_attn", block.QueriesKeysValues);
                AddTransposed($"h.{i}.attn.c_proj", block.AttentionOut);
                Add($"h.{i}.ln_2", block.FeedForwardNorm);
                AddTransposed($"h.{i}.mlp.c_fc", block.FeedForwardIn);
                AddTransposed($"h.{i}.mlp.c_proj", block.FeedForwardOut);
            }

            Add("ln_f", network.Norm);
        }

        private void AddLlama()
        {
            _views.Add(prefix + EmbeddingName, network.Tokens.Weight.detach());
            for (int i = 0; i < network.Blocks.Count; i++)
            {
                TransformerBlock block = network.Blocks[i];
                Add($"layers.{i}.input_layernorm", block.AttentionNorm);
                AddParts($"layers.{i}", block.QueriesKeysValues);
                Add($"layers.{i}.self_attn.o_proj", _layers.WeightOf(block.AttentionOut), block.AttentionOut.Bias);
                Add($"layers.{i}.post_attention_layernorm", block.FeedForwardNorm);
                AddParts($"layers.{i}", block.FeedForwardIn);
                Add($"layers.{i}.mlp.down_proj", _layers.WeightOf(block.FeedForwardOut), block.FeedForwardOut.Bias);
            }

            Add("norm", network.Norm);
        }

        // GPT-2's Conv1D keeps its matrices as [inputs, outputs].
        private void AddTransposed(string name, Linear layer) => Add(name, _layers.WeightOf(layer).t(), layer.Bias);

        private void AddParts(string parent, Linear layer)
        {
            torch.Tensor weight = _layers.WeightOf(layer);
            foreach (LayerPart part in layer.Parts)
                Add($"{parent}.{_partNames[part.Name]}", Rows(weight, part), layer.Bias is { } bias ? Rows(bias, part) : null);

            // [outputs of the part, ..]
            static torch.Tensor Rows(torch.Tensor all, LayerPart part) => all.narrow(0, part.Start, part.Outputs);
        }

        private void Add(string name, Normalization norm) => Add(name, norm.Gain, norm.Bias);

        private void Add(string name, torch.Tensor weight, torch.Tensor? bias)
        {
            _views.Add($"{prefix}{name}.weight", weight.detach());
            if (bias is not null)
                _views.Add($"{prefix}{name}.bias", bias.detach());
        }
    }
}
