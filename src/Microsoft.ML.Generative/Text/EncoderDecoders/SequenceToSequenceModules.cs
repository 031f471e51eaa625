using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>
/// The modules of an encoder–decoder that adapters can change, under the names that users see and those of transformers' T5.
/// </summary>
internal static class SequenceToSequenceModules
{
    public static PeftNetwork PeftOf(SequenceToSequenceNetwork network) => new(network, Of(network), PeftNetwork.SequenceToSequence);

    public static AdaptableNetwork Of(SequenceToSequenceNetwork network)
    {
        List<AdaptableModule> modules = [];
        List<SavableModule> savable = [];
        AddStack("encoder", network.Encoder.Blocks, network.Encoder.Relative, network.Encoder.Norm);
        AddStack("decoder", network.Decoder.Blocks, network.Decoder.Relative!, network.Decoder.Norm);
        // A tied output layer reads scaled values: with weights of its own, it would be another network.
        if (!network.Architecture.TieEmbeddings)
        {
            modules.Add(new AdaptableModule("decoder.head", "lm_head", network.Decoder.Head));
            modules.Add(new AdaptableModule("decoder.tokens", "shared", network.Decoder.Tokens));
        }

        return new AdaptableNetwork(modules, savable);

        void AddStack(string stack, IReadOnlyList<TransformerBlock> blocks, RelativePositionBias relative, Normalization norm)
        {
            for (int i = 0; i < blocks.Count; i++)
                AddBlock(blocks[i], $"{stack}.blocks.{i}", $"{stack}.block.{i}.layer");
            AddSavable(
                $"{stack}.relative.buckets", $"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias", relative.Buckets);
            AddSavable($"{stack}.norm", $"{stack}.final_layer_norm", norm);
        }

        void AddBlock(TransformerBlock block, string own, string foreign)
        {
            AddParts($"{own}.attention", $"{foreign}.0.SelfAttention", block.QueriesKeysValues);
            Add($"{own}.attention.output", $"{foreign}.0.SelfAttention.o", block.AttentionOut);
            AddSavable($"{own}.attentionNorm", $"{foreign}.0.layer_norm", block.AttentionNorm);
            int last = 1;
            if (block.Cross is { } cross)
            {
                last = 2;
                Add($"{own}.cross.query", $"{foreign}.1.EncDecAttention.q", cross.Queries);
                AddParts($"{own}.cross", $"{foreign}.1.EncDecAttention", cross.KeysValues);
                Add($"{own}.cross.output", $"{foreign}.1.EncDecAttention.o", cross.Output);
                AddSavable($"{own}.cross.norm", $"{foreign}.1.layer_norm", cross.Norm);
            }

            string dense = $"{foreign}.{last}.DenseReluDense";
            if (block.FeedForwardIn.Parts.Count == 0)
                Add($"{own}.feedForward.up", $"{dense}.wi", block.FeedForwardIn);
            foreach (LayerPart part in block.FeedForwardIn.Parts)
            {
                Add(
                    $"{own}.feedForward.{part.Name}", $"{dense}.wi_{(part.Name == LayerPart.Gate ? 0 : 1)}", block.FeedForwardIn, part);
            }

            Add($"{own}.feedForward.down", $"{dense}.wo", block.FeedForwardOut);
            AddSavable($"{own}.feedForwardNorm", $"{foreign}.{last}.layer_norm", block.FeedForwardNorm);
        }

        void AddParts(string own, string foreign, Linear layer)
        {
            foreach (LayerPart part in layer.Parts)
                Add($"{own}.{part.Name}", $"{foreign}.{part.Name[0]}", layer, part);
        }

        void Add(string own, string foreign, Linear layer, LayerPart? part = null) =>
            modules.Add(new AdaptableModule(own, foreign, layer, part, LoraOptions.AllLinear));

        void AddSavable(string own, string foreign, TorchSharp.torch.nn.Module module) =>
            savable.Add(new SavableModule(own, foreign, [.. module.named_parameters().Select(parameter => $"{own}.{parameter.name}")]));
    }
}
