using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Text.Encoders.Pretrained;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The modules of an encoder that adapters can change, under the names that users see and those of transformers.</summary>
internal static class EncoderModules
{
    /// <param name="network">The network.</param>
    /// <param name="prefix">What stands before the names of transformers.</param>
    public static AdaptableNetwork Of(EncoderNetwork network, string prefix = "")
    {
        var names = EncoderNames.Of(network.Architecture);
        List<AdaptableModule> modules = [];
        List<SavableModule> savable = [];
        AddNorm("embeddingNorm", names.EmbeddingNorm, network.EmbeddingNorm);
        for (int i = 0; i < network.Blocks.Count; i++)
            AddBlock(network.Blocks[i], $"blocks.{i}", $"{names.Blocks}.{i}");
        if (network.Norm is { } norm)
            AddNorm("norm", names.Norm ?? "norm", norm);
        modules.Add(new AdaptableModule("tokens", prefix + names.Tokens, network.Tokens));
        if (network.Pooler is { } pooler)
            modules.Add(new AdaptableModule("pooler", prefix + EncoderNames.Pooler, pooler));
        return new AdaptableNetwork(modules, savable);

        void AddBlock(TransformerBlock block, string own, string foreign)
        {
            // Where transformers has one module, its parts can have adapters of their own here.
            if (names.QueryKeyValue is { } whole)
                Add("attention.queryKeyValue", whole, block.QueriesKeysValues, keyword: null);
            foreach (LayerPart part in block.QueriesKeysValues.Parts)
                Add($"attention.{part.Name}", names.Parts.GetValueOrDefault(part.Name), block.QueriesKeysValues, part);
            Add("attention.output", names.AttentionOut, block.AttentionOut);
            if (block.FeedForwardIn.Parts.Count == 0)
                Add("feedForward.up", names.FeedForwardIn, block.FeedForwardIn);
            else
                Add("feedForward.gateUp", names.FeedForwardIn, block.FeedForwardIn, keyword: null);
            foreach (LayerPart part in block.FeedForwardIn.Parts)
                Add($"feedForward.{part.Name}", null, block.FeedForwardIn, part);
            Add("feedForward.down", names.FeedForwardOut, block.FeedForwardOut);
            if (block.HasAttentionNorm)
                AddNorm($"{own}.attentionNorm", $"{foreign}.{names.AttentionNorm}", block.AttentionNorm);
            AddNorm($"{own}.feedForwardNorm", $"{foreign}.{names.FeedForwardNorm}", block.FeedForwardNorm);

            void Add(
                string name, string? foreignName, Linear layer, LayerPart? part = null, string? keyword = LoraOptions.AllLinear) =>
                modules.Add(new AdaptableModule(
                    $"{own}.{name}", foreignName is null ? null : $"{prefix}{foreign}.{foreignName}", layer, part, keyword));
        }

        void AddNorm(string own, string foreign, Normalization norm) => savable.Add(new SavableModule(
            own, prefix + foreign, norm.Bias is null ? [$"{own}.weight"] : [$"{own}.weight", $"{own}.bias"]));
    }
}
