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

    /// <summary>Copies a file's tensors into the network, from whatever type of float they have.</summary>
    /// <exception cref="InvalidDataException">Tensors are missing, unexpected or of another type or shape; all kinds are listed.</exception>
    public static void Load(LanguageModelNetwork network, HuggingFaceConfig config, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        string prefix = config.IsGpt2 && file.Tensors.ContainsKey("wte.weight") ? "" : config.IsGpt2 ? "transformer." : "model.";
        HuggingFaceFolder.CopyWeights(file, Views(network, config, prefix), IsIgnored);

        bool IsIgnored(string name) =>
            _ignoredEndings.Any(e => name.EndsWith(e, StringComparison.Ordinal))
            || (name == HeadName && config.Architecture.TieEmbeddings);
    }

    /// <summary>The tensors as a file has them. They live until the caller's scope ends.</summary>
    public static IReadOnlyList<(string Name, torch.Tensor Tensor)> Of(LanguageModelNetwork network, HuggingFaceConfig config)
    {
        Dictionary<string, torch.Tensor> views = Views(network, config, config.IsGpt2 ? "transformer." : "model.");
        if (config.IsGpt2)
        {
            // GPT-2 has all biases: those of a network without are 0.
            foreach ((string name, torch.Tensor weight) in views.Where(v => IsBiased(v.Key)).ToArray())
                views.TryAdd(name[..^"weight".Length] + "bias", torch.zeros(weight.size(-1)));
        }

        if (config.Architecture.Positions == PositionEncoding.RotaryInterleaved)
        {
            foreach (string name in views.Keys.Where(n => n.Contains(".q_proj.", StringComparison.Ordinal) || n.Contains(".k_proj.", StringComparison.Ordinal)).ToArray())
                views[name] = HalvesFromPairs(views[name], config.Architecture.ActualHeadSize);
        }

        return [.. views.Select(v => (v.Key, v.Value))];

        static bool IsBiased(string name) => name.EndsWith(".weight", StringComparison.Ordinal) && (name.Contains(".h.", StringComparison.Ordinal) || name.Contains(".ln_f.", StringComparison.Ordinal));
    }

    // Rows 2i and 2i + 1 of a head become its rows i and i + size / 2: transformers pairs those.
    private static torch.Tensor HalvesFromPairs(torch.Tensor weight, int headSize)
    {
        torch.Tensor pairs = weight.unflatten(0, -1, headSize / 2, 2);
        return pairs.transpose(1, 2).flatten(0, 2);
    }

    private static Dictionary<string, torch.Tensor> Views(LanguageModelNetwork network, HuggingFaceConfig config, string prefix)
    {
        LanguageModelArchitecture a = config.Architecture;
        Dictionary<string, torch.Tensor> own = network.named_parameters().ToDictionary(p => p.name, p => (torch.Tensor)p.parameter.detach(), StringComparer.Ordinal);
        Dictionary<string, torch.Tensor> views = new(StringComparer.Ordinal);
        if (config.IsGpt2)
            AddGpt2();
        else
            AddLlama();
        if (!a.TieEmbeddings)
            views.Add(HeadName, own["head.weight"]);
        return views;

        void AddGpt2()
        {
            views.Add(prefix + "wte.weight", own["tokens.weight"]);
            views.Add(prefix + "wpe.weight", own["positions"]);
            for (int i = 0; i < a.Layers; i++)
            {
                Add($"h.{i}.ln_1", $"blocks.{i}.attentionNorm");
                Add($"h.{i}.attn.c_attn", $"blocks.{i}.queriesKeysValues", isTransposed: true);
                Add($"h.{i}.attn.c_proj", $"blocks.{i}.attentionOut", isTransposed: true);
                Add($"h.{i}.ln_2", $"blocks.{i}.perceptronNorm");
                Add($"h.{i}.mlp.c_fc", $"blocks.{i}.perceptronIn", isTransposed: true);
                Add($"h.{i}.mlp.c_proj", $"blocks.{i}.perceptronOut", isTransposed: true);
            }

            Add("ln_f", "norm");
        }

        void AddLlama()
        {
            views.Add(prefix + "embed_tokens.weight", own["tokens.weight"]);
            long queries = (long)a.Heads * a.ActualHeadSize, keys = (long)a.ActualKeyValueHeads * a.ActualHeadSize;
            for (int i = 0; i < a.Layers; i++)
            {
                Add($"layers.{i}.input_layernorm", $"blocks.{i}.attentionNorm");
                AddRows($"blocks.{i}.queriesKeysValues", ($"layers.{i}.self_attn.q_proj", queries), ($"layers.{i}.self_attn.k_proj", keys), ($"layers.{i}.self_attn.v_proj", keys));
                Add($"layers.{i}.self_attn.o_proj", $"blocks.{i}.attentionOut");
                Add($"layers.{i}.post_attention_layernorm", $"blocks.{i}.perceptronNorm");
                AddRows($"blocks.{i}.perceptronIn", ($"layers.{i}.mlp.gate_proj", a.ActualFeedForwardSize), ($"layers.{i}.mlp.up_proj", a.ActualFeedForwardSize));
                Add($"layers.{i}.mlp.down_proj", $"blocks.{i}.perceptronOut");
            }

            Add("norm", "norm");
        }

        // GPT-2's Conv1D keeps its matrices as [inputs, outputs].
        void Add(string theirs, string ours, bool isTransposed = false)
        {
            torch.Tensor weight = own[ours + ".weight"];
            views.Add($"{prefix}{theirs}.weight", isTransposed ? weight.t() : weight);
            if (own.TryGetValue(ours + ".bias", out torch.Tensor? bias))
                views.Add($"{prefix}{theirs}.bias", bias);
        }

        void AddRows(string ours, params (string Name, long Rows)[] parts)
        {
            foreach (string kind in (string[])["weight", "bias"])
            {
                if (!own.TryGetValue($"{ours}.{kind}", out torch.Tensor? all))
                    continue;
                long start = 0;
                foreach ((string name, long rows) in parts)
                {
                    views.Add($"{prefix}{name}.{kind}", all.narrow(0, start, rows));
                    start += rows;
                }
            }
        }
    }
}
