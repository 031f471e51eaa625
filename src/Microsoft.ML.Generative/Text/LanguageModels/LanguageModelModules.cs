using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>The modules of a language model that adapters can change, under the names that users see and those of transformers.</summary>
internal static class LanguageModelModules
{
    public const string Head = "head";
    public const string Tokens = "tokens";

    private const string TokensWeight = "tokens.weight";
    private const string HeadWeight = "head.weight";

    public static AdaptableNetwork Of(LanguageModelNetwork network)
    {
        bool isGpt = network.Shape.Rotary is null;
        string tokens = isGpt ? "transformer.wte" : "model.embed_tokens";
        List<AdaptableModule> modules = [];
        List<SavableModule> savable =
        [
            .. network.Tokens.Table.Plain is null ? (SavableModule[])[] : [new(Tokens, tokens, [TokensWeight])],
            .. isGpt ? (SavableModule[])[new("positions", "transformer.wpe", ["positions"])] : [],
        ];
        for (int i = 0; i < network.Blocks.Count; i++)
        {
            string own = $"blocks.{i}", foreign = isGpt ? $"transformer.h.{i}" : $"model.layers.{i}";
            modules.AddRange(ModulesOf(network.Blocks[i], own, foreign, isGpt));
            savable.Add(
                NormOf($"{own}.attentionNorm", $"{foreign}.{(isGpt ? "ln_1" : "input_layernorm")}", network.Blocks[i].AttentionNorm));
            savable.Add(NormOf(
                $"{own}.feedForwardNorm", $"{foreign}.{(isGpt ? "ln_2" : "post_attention_layernorm")}", network.Blocks[i].FeedForwardNorm));
        }

        savable.Add(NormOf("norm", isGpt ? "transformer.ln_f" : "model.norm", network.Norm));
        modules.Add(new AdaptableModule(Head, "lm_head", network.Head));
        modules.Add(new AdaptableModule(Tokens, tokens, network.Tokens));
        // The weight of a tied output layer is that of the tokens.
        if (!network.Shape.TiesEmbeddings && network.Head.Weight.Plain is not null)
            savable.Add(new(Head, "lm_head", [HeadWeight]));
        return new AdaptableNetwork(modules, savable);
    }

    /// <summary>Whether a tensor is the token embedding or the weight of the output layer, which some formats quantize.</summary>
    public static bool IsTable(string tensor) => tensor is TokensWeight or HeadWeight;

    private static SavableModule NormOf(string own, string foreign, Normalization norm) =>
        new(own, foreign, norm.Bias is null ? [$"{own}.weight"] : [$"{own}.weight", $"{own}.bias"]);

    private static IEnumerable<AdaptableModule> ModulesOf(TransformerBlock block, string own, string foreign, bool isGpt)
    {
        (Linear attention, Linear feedForward) = (block.QueriesKeysValues, block.FeedForwardIn);
        // GPT-2 has one module for the three; its parts can have adapters of their own here.
        if (isGpt)
            yield return Whole("attention.queryKeyValue", "attn.c_attn", attention);
        foreach (LayerPart part in attention.Parts)
        {
            string? name = isGpt ? null : $"{foreign}.self_attn.{part.Name[0]}_proj";
            yield return new AdaptableModule($"{own}.attention.{part.Name}", name, attention, part, isGpt ? null : LoraOptions.AllLinear);
        }

        yield return Whole("attention.output", isGpt ? "attn.c_proj" : "self_attn.o_proj", block.AttentionOut);
        if (feedForward.Parts.Count == 0)
            yield return Whole("feedForward.up", isGpt ? "mlp.c_fc" : "mlp.up_proj", feedForward);
        foreach (LayerPart part in feedForward.Parts)
            yield return new AdaptableModule(
                $"{own}.feedForward.{part.Name}", $"{foreign}.mlp.{part.Name}_proj", feedForward, part, LoraOptions.AllLinear);
        yield return Whole("feedForward.down", isGpt ? "mlp.c_proj" : "mlp.down_proj", block.FeedForwardOut);

        AdaptableModule Whole(string name, string foreignName, Linear layer) =>
            new($"{own}.{name}", $"{foreign}.{foreignName}", layer, null, LoraOptions.AllLinear);
    }
}
