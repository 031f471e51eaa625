using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The modules of an encoder that adapters can change, under the names that users see and those of transformers' BERT.</summary>
internal static class EncoderModules
{
    public static AdaptableNetwork Of(EncoderNetwork network)
    {
        List<AdaptableModule> modules = [];
        List<SavableModule> savable = [new("embeddingNorm", "embeddings.LayerNorm", NamesOf("embeddingNorm", network.EmbeddingNorm))];
        for (int i = 0; i < network.Blocks.Count; i++)
        {
            string own = $"blocks.{i}", foreign = $"encoder.layer.{i}";
            TransformerBlock block = network.Blocks[i];
            foreach (LayerPart part in block.QueriesKeysValues.Parts)
                Add($"attention.{part.Name}", $"attention.self.{part.Name}", block.QueriesKeysValues, part);
            Add("attention.output", "attention.output.dense", block.AttentionOut);
            if (block.FeedForwardIn.Parts.Count == 0)
                Add("feedForward.up", "intermediate.dense", block.FeedForwardIn);
            foreach (LayerPart part in block.FeedForwardIn.Parts)
                Add($"feedForward.{part.Name}", null, block.FeedForwardIn, part);
            Add("feedForward.down", "output.dense", block.FeedForwardOut);
            if (block.HasAttentionNorm)
            {
                savable.Add(new(
                    $"{own}.attentionNorm", $"{foreign}.attention.output.LayerNorm",
                    NamesOf($"{own}.attentionNorm", block.AttentionNorm)));
            }

            savable.Add(new(
                $"{own}.feedForwardNorm", $"{foreign}.output.LayerNorm", NamesOf($"{own}.feedForwardNorm", block.FeedForwardNorm)));

            void Add(string name, string? foreignName, Linear layer, LayerPart? part = null) => modules.Add(new AdaptableModule(
                $"{own}.{name}", foreignName is null ? null : $"{foreign}.{foreignName}", layer, part, LoraOptions.AllLinear));
        }

        modules.Add(new AdaptableModule("tokens", "embeddings.word_embeddings", network.Tokens));
        return new AdaptableNetwork(modules, savable);
    }

    private static string[] NamesOf(string own, Normalization norm) =>
        norm.Bias is null ? [$"{own}.weight"] : [$"{own}.weight", $"{own}.bias"];
}
