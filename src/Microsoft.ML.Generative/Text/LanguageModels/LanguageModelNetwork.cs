using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// A language model: p(text) = Π p(token | tokens before it). GPT-2 (Radford et al. 2019) or Llama (Touvron et al. 2023), as its
/// architecture says.
/// </summary>
internal sealed class LanguageModelNetwork(
    LanguageModelArchitecture architecture, double dropout, WeightFormats formats)
    : DecoderStack(
        nameof(LanguageModelNetwork),
        architecture.Shape with { Block = architecture.Shape.Block with { Format = formats.Common }, Formats = formats.Each }, dropout),
        IAdaptable<LanguageModelNetwork>
{
    /// <summary>The target of a position that is not to be learned.</summary>
    public const long NoTarget = CrossEntropy.NoTarget;

    public LanguageModelNetwork(
        LanguageModelArchitecture architecture, double dropout = 0, WeightFormat format = WeightFormat.Float32)
        : this(architecture, dropout, new WeightFormats(format))
    {
    }

    public LanguageModelArchitecture Architecture { get; } = architecture;

    /// <summary>How the large weights are stored.</summary>
    public WeightFormats Formats { get; } = formats;

    public WeightFormat Format => Formats.Common;

    public AdaptableNetwork Adaptable => LanguageModelModules.Of(this);

    public LanguageModelNetwork Share() => LanguageModelCopies.Share(this, Architecture);

    public LanguageModelNetwork ShareForMerging(LoraWeights adapter) => LanguageModelCopies.ShareForMerging(this, adapter);

    /// <summary>
    /// The mean of −log p(target) over the targets that are not <see cref="NoTarget"/>, in nats, for sequences and targets [batch, time].
    /// </summary>
    public Tensor Loss(Tensor sequences, Tensor targets) =>
        CrossEntropy.Mean(Logits(sequences).flatten(0, 1), targets.flatten()); // [batch · time, vocabulary]

    /// <summary>
    /// −log p(target) of each position, [batch, time], 0 where there is no target; and whether the target was the most probable token.
    /// </summary>
    public (Tensor NegativeLogLikelihood, Tensor IsMostProbable) Score(Tensor sequences, Tensor targets)
    {
        Tensor logits = Logits(sequences).flatten(0, 1); // [batch · time, vocabulary]
        Tensor losses = CrossEntropy.PerRow(logits, targets.flatten()); // [batch · time]
        Tensor isMostProbable = logits.argmax(-1).view(targets.shape) == targets; // [batch, time]
        return (losses.view(targets.shape), isMostProbable.to(ScalarType.Float32)); // [batch, time] each
    }
}
