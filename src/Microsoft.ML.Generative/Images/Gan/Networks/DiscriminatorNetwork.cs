using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>A row becomes a logit: how real it looks.</summary>
internal abstract class DiscriminatorNetwork : nn.Module
{
    public const double LeakySlope = 0.2;

    private const string Probability = "augmentation_probability";

    protected DiscriminatorNetwork(string name)
        : base(name) => register_buffer(Probability, ModuleTensors.Zeros(1));

    /// <summary>The probability of adaptive augmentation, [1]: kept with the weights, so that a resumed training has it.</summary>
    public Tensor AugmentationProbability => get_buffer(Probability)!;

    /// <param name="rows">[batch, ..row shape]; images in −1..1.</param>
    /// <param name="labels">[batch], classes from 0; for networks with labels.</param>
    /// <returns>[batch].</returns>
    public abstract Tensor Forward(Tensor rows, Tensor? labels);

    /// <summary>
    /// Rows with one further feature or channel: how much the batch's rows differ, on average over everything (Karras et al. 2017,
    /// section 3).
    /// </summary>
    /// <param name="features">[batch, features] or [batch, channels, height, width].</param>
    public static Tensor WithDeviation(Tensor features)
    {
        Tensor centered = features - features.mean([0], keepdim: true);
        Tensor deviation = centered.Squared().mean([0]).Plus(1e-8).sqrt().mean();
        long[] shape = features.shape;
        shape[1] = 1;
        return cat([features, deviation.expand(shape)], 1); // [batch, features + 1, ..]
    }
}
