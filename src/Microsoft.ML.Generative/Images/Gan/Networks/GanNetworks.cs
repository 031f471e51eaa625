using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>z becomes a row.</summary>
internal abstract class GeneratorNetwork(string name) : nn.Module(name)
{
    /// <param name="z">[batch, latent].</param>
    /// <param name="labels">[batch], classes from 0; for networks with labels.</param>
    /// <returns>[batch, ..row shape]; pictures in −1..1.</returns>
    public abstract Tensor Forward(Tensor z, Tensor? labels);
}

/// <summary>A row becomes a logit: how real it looks.</summary>
internal abstract class DiscriminatorNetwork : nn.Module
{
    public const double LeakySlope = 0.2;

    private const string Probability = "augmentation_probability";

    protected DiscriminatorNetwork(string name)
        : base(name) => register_buffer(Probability, zeros(1));

    /// <summary>The probability of adaptive augmentation, [1]: kept with the weights, so that a resumed training has it.</summary>
    public Tensor AugmentationProbability => get_buffer(Probability)!;

    /// <param name="rows">[batch, ..row shape]; pictures in −1..1.</param>
    /// <param name="labels">[batch], classes from 0; for networks with labels.</param>
    /// <returns>[batch].</returns>
    public abstract Tensor Forward(Tensor rows, Tensor? labels);

    /// <summary>Rows with one further feature or channel: how much the batch's rows differ, on average over everything (Karras et al. 2017, section 3).</summary>
    /// <param name="features">[batch, features] or [batch, channels, height, width].</param>
    public static Tensor WithDeviation(Tensor features)
    {
        Tensor centred = features - features.mean([0], keepdim: true);
        Tensor deviation = centred.square().mean([0]).Plus(1e-8).sqrt().mean();
        long[] shape = features.shape;
        shape[1] = 1;
        return cat([features, deviation.expand(shape)], 1);
    }
}

/// <summary>Layers that several of the networks have.</summary>
internal static class GanLayers
{
    // Radford et al. 2015, section 4.
    public const double InitialDeviation = 0.02;

    /// <summary>A layer with the initial weights of Radford et al. 2015: normal, biases 0.</summary>
    public static Layer.Product Initialized(Layer.Product layer)
    {
        foreach (var (name, parameter) in layer.named_parameters())
        {
            if (name == "weight")
                nn.init.normal_(parameter, 0, InitialDeviation);
            else
                nn.init.zeros_(parameter);
        }

        return layer;
    }

    /// <summary>A discriminator's layer, spectrally normalised if the options say so.</summary>
    public static nn.Module<Tensor, Tensor> OfDiscriminator(GanOptions options, Layer.Product layer) =>
        options.Normalization == GanNormalization.Spectral ? new SpectralNormalization(layer) : layer;

    public static Tensor OneHot(Tensor labels, int classCount) => F.one_hot(labels, classCount).to(ScalarType.Float32);

    /// <summary>A generator's table of classes: as far apart as draws of z are.</summary>
    public static Layer.Product Embedding(int classCount, int size)
    {
        Layer.Product table = Layer.Linear(classCount, size, hasBias: false);
        nn.init.normal_(table.Weight);
        return table;
    }
}
