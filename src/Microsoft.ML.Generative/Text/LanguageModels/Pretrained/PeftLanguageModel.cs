using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>Language models as PEFT sees them.</summary>
internal static class PeftLanguageModel
{
    /// <exception cref="NotSupportedException">transformers has no such network.</exception>
    public static PeftNetwork Of(LanguageModelNetwork network)
    {
        HuggingFaceConfig config = HuggingFaceConfig.Of(network.Architecture);
        int headSize = network.Architecture.ActualHeadSize;
        return new PeftNetwork(network, LanguageModelModules.Of(network), PeftNetwork.CausalLanguageModel)
        {
            IsTransposed = config.IsGpt2,
            // llama2.c has the pairs of a head side by side, transformers in its halves.
            Order = network.Architecture.Positions != PositionEncoding.RotaryInterleaved ? null : new PeftRowOrder(
                IsRotated,
                tensor => HuggingFaceWeights.HalvesFromPairs(tensor, headSize),
                tensor => HuggingFaceWeights.PairsFromHalves(tensor, headSize)),
        };
    }

    // A has no heads.
    private static bool IsRotated(string name) => !name.Contains(".lora_A.", StringComparison.Ordinal)
        && (name.Contains(".q_proj", StringComparison.Ordinal) || name.Contains(".k_proj", StringComparison.Ordinal));
}
