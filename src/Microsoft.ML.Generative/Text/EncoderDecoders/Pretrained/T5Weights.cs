using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;

/// <summary>A network's weights under the names of transformers.</summary>
internal static class T5Weights
{
    private const string SharedName = "shared.weight";
    private const string HeadName = "lm_head.weight";

    // Copies of shared weights, and a table that old versions wrote and never used.
    private static readonly string[] _ignored =
    [
        "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", HeadName,
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    ];

    private static readonly Dictionary<string, string> _attentionNames = new()
    {
        [LayerPart.Query] = "q",
        [LayerPart.Key] = "k",
        [LayerPart.Value] = "v",
    };

    /// <summary>Copies a file's tensors into the network, from whatever type of float they have.</summary>
    /// <exception cref="InvalidDataException">
    /// Tensors are missing, unexpected or of another type or shape; all kinds are listed.
    /// </exception>
    public static void Load(SequenceToSequenceNetwork network, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CopyWeights(file, ViewsFor(network, file), _ignored.Contains);
    }

    /// <summary>Checks that a file has the network's tensors, which need no memory.</summary>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static void Check(SequenceToSequenceNetwork network, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CheckWeights(file, ViewsFor(network, file), _ignored.Contains);
    }

    /// <summary>The tensors as a file has them. They live until the caller's scope ends.</summary>
    public static IReadOnlyDictionary<string, torch.Tensor> Of(SequenceToSequenceNetwork network) => new Views(network).All;

    // Files that were made of several names for one tensor may have kept any of them.
    private static Dictionary<string, torch.Tensor> ViewsFor(SequenceToSequenceNetwork network, ISafetensorsReader file)
    {
        Dictionary<string, torch.Tensor> views = new Views(network).All;
        IEnumerable<string> copies = _ignored[..2].Concat(network.Architecture.TieEmbeddings ? [HeadName] : []);
        if (!file.Tensors.ContainsKey(SharedName) && copies.FirstOrDefault(file.Tensors.ContainsKey) is { } name)
        {
            views.Remove(SharedName, out torch.Tensor? shared);
            views.Add(name, shared!);
        }

        return views;
    }

    // Views of the network's tensors under the file's names.
    private sealed class Views
    {
        private readonly PlainLayers _layers;

        public Views(SequenceToSequenceNetwork network)
        {
            _layers = new PlainLayers(network, "files in the layout of Hugging Face hold");
            TargetDecoder decoder = network.Decoder;
            All.Add(SharedName, decoder.Tokens.Weight.detach());
            AddStack("encoder", network.Encoder.Blocks, network.Encoder.Relative, network.Encoder.Norm);
            AddStack("decoder", decoder.Blocks, decoder.Relative!, decoder.Norm);
            if (!network.Architecture.TieEmbeddings)
                All.Add(HeadName, _layers.WeightOf(decoder.Head).detach());
        }

        public Dictionary<string, torch.Tensor> All { get; } = new(StringComparer.Ordinal);

        private void AddStack(string stack, IReadOnlyList<TransformerBlock> blocks, RelativePositionBias relative, Normalization norm)
        {
            for (int i = 0; i < blocks.Count; i++)
            {
                TransformerBlock block = blocks[i];
                string name = $"{stack}.block.{i}.layer";
                AddParts($"{name}.0.SelfAttention", block.QueriesKeysValues);
                Add($"{name}.0.SelfAttention.o", block.AttentionOut);
                if (i == 0)
                    All.Add($"{name}.0.SelfAttention.relative_attention_bias.weight", relative.Buckets.Weight.detach());
                Add($"{name}.0.layer_norm", block.AttentionNorm);
                int last = 1;
                if (block.Cross is { } cross)
                {
                    Add($"{name}.1.EncDecAttention.q", cross.Queries);
                    AddParts($"{name}.1.EncDecAttention", cross.KeysValues);
                    Add($"{name}.1.EncDecAttention.o", cross.Output);
                    Add($"{name}.1.layer_norm", cross.Norm);
                    last = 2;
                }

                AddFeedForward($"{name}.{last}", block);
            }

            Add($"{stack}.final_layer_norm", norm);
        }

        private void AddFeedForward(string name, TransformerBlock block)
        {
            Linear first = block.FeedForwardIn;
            if (first.Parts.Count == 0)
                Add($"{name}.DenseReluDense.wi", first);
            foreach (LayerPart part in first.Parts)
                All.Add($"{name}.DenseReluDense.wi_{(part.Name == LayerPart.Gate ? 0 : 1)}.weight", Rows(first, part));
            Add($"{name}.DenseReluDense.wo", block.FeedForwardOut);
            Add($"{name}.layer_norm", block.FeedForwardNorm);
        }

        private void AddParts(string name, Linear layer)
        {
            foreach (LayerPart part in layer.Parts)
                All.Add($"{name}.{_attentionNames[part.Name]}.weight", Rows(layer, part));
        }

        private void Add(string name, Linear layer) => All.Add($"{name}.weight", _layers.WeightOf(layer).detach());

        private void Add(string name, Normalization norm) => All.Add($"{name}.weight", norm.Gain.detach());

        // [outputs of the part, inputs]
        private torch.Tensor Rows(Linear layer, LayerPart part) =>
            _layers.WeightOf(layer).narrow(0, part.Start, part.Outputs).detach();
    }
}
