using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>T5 (Raffel et al. 2020): p(target | source) = Π p(token | tokens before it, source).</summary>
internal sealed class SequenceToSequenceNetwork : nn.Module
{
    private readonly SourceEncoder encoder;
    private readonly TargetDecoder decoder;

    private readonly double _dropout;

    public SequenceToSequenceNetwork(SequenceToSequenceArchitecture architecture, double dropout = 0)
        : base(nameof(SequenceToSequenceNetwork))
    {
        (Architecture, _dropout) = (architecture, dropout);
        decoder = new TargetDecoder(architecture.Decoder, dropout);
        encoder = new SourceEncoder(architecture, dropout);
        RegisterComponents();
        if (ModuleTensors.HasValues)
            Initialize();
    }

    public SequenceToSequenceArchitecture Architecture { get; }

    public SourceEncoder Encoder => encoder;

    public TargetDecoder Decoder => decoder;

    public Device Device => decoder.Tokens.Device;

    /// <summary>Encodes sequences, [batch, time] Int64.</summary>
    /// <param name="sources">The sequences, padded behind their ends.</param>
    /// <param name="lengths">Tokens of each, [batch]; <see langword="null"/>: none is padded.</param>
    public EncodedSource Encode(Tensor sources, Tensor? lengths)
    {
        Tensor? mask = null; // [batch, 1, 1, time]
        if (lengths is not null)
        {
            Tensor positions = TensorFactory.Range(sources.size(1), device: sources.device).unsqueeze(0); // [1, time]
            mask = DotProductAttention.PaddingMask(positions < lengths.unsqueeze(1));
        }

        Tensor x = SeededDropout.Apply(decoder.Tokens.call(sources), _dropout, training); // [batch, time, width]
        return new EncodedSource(encoder.Forward(x, mask), mask);
    }

    /// <summary>
    /// Logits of the token that follows each position of the targets' beginnings: [batch, time] to [batch, time, vocabulary].
    /// </summary>
    /// <param name="sources">As <see cref="Encode"/> takes them.</param>
    /// <param name="lengths">As <see cref="Encode"/> takes them.</param>
    /// <param name="targets">Targets, behind the token that begins outputs.</param>
    public Tensor Logits(Tensor sources, Tensor? lengths, Tensor targets) => decoder.Logits(targets, Encode(sources, lengths));

    /// <summary>
    /// The mean of −log p(label) over the labels that are not <see cref="LanguageModelNetwork.NoTarget"/>, in nats, and whether each label
    /// was the most probable token; [batch, time].
    /// </summary>
    /// <param name="sources">As <see cref="Encode"/> takes them.</param>
    /// <param name="lengths">As <see cref="Encode"/> takes them.</param>
    /// <param name="targets">As <see cref="Logits"/> takes them.</param>
    /// <param name="labels">The token that follows each position of <paramref name="targets"/>.</param>
    public (Tensor Loss, Tensor IsMostProbable) Score(Tensor sources, Tensor? lengths, Tensor targets, Tensor labels)
    {
        Tensor logits = Logits(sources, lengths, targets); // [batch, time, vocabulary]
        Tensor loss = CrossEntropy.Mean(logits.flatten(0, 1), labels.flatten());
        return (loss, logits.detach().argmax(-1) == labels);
    }

    // As the paper's code begins: queries are smaller by the root of a head's size, by which scores are not divided.
    private void Initialize()
    {
        using IDisposable noGradient = no_grad();
        SequenceToSequenceArchitecture a = Architecture;
        double width = 1 / Math.Sqrt(a.EmbeddingSize), attended = 1 / Math.Sqrt(a.Heads * a.ActualHeadSize);
        double query = width / Math.Sqrt(a.ActualHeadSize);
        nn.init.normal_(decoder.Tokens.Weight, 0, 1);
        if (!a.TieEmbeddings)
            Set(decoder.Head.Weight.Plain!, width);
        Set(encoder.Relative.Buckets.Weight, width);
        Set(decoder.Relative!.Buckets.Weight, width);
        foreach (TransformerBlock block in encoder.Blocks.Concat(decoder.Blocks))
        {
            SetParts(block.QueriesKeysValues);
            Set(block.AttentionOut.Weight.Plain!, attended);
            if (block.Cross is { } cross)
            {
                Set(cross.Queries.Weight.Plain!, query);
                SetParts(cross.KeysValues);
                Set(cross.Output.Weight.Plain!, attended);
            }

            Set(block.FeedForwardIn.Weight.Plain!, width);
            Set(block.FeedForwardOut.Weight.Plain!, 1 / Math.Sqrt(a.ActualFeedForwardSize));
        }

        static void Set(Tensor weight, double deviation) => nn.init.normal_(weight, 0, deviation);

        void SetParts(Linear layer)
        {
            foreach (LayerPart part in layer.Parts)
                Set(layer.Weight.Plain!.narrow(0, part.Start, part.Outputs), part.Name == LayerPart.Query ? query : width);
        }
    }
}
