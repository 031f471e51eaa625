using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>Layers that several of the networks have.</summary>
internal static class GanLayers
{
    // Radford et al. 2015, section 4.
    public const double InitialDeviation = 0.02;

    /// <summary>What makes up for a ReLU, which halves the mean square.</summary>
    public const double ReluGain = 1.4142135623730951;

    /// <summary>A layer with the initial weights of Radford et al. 2015: normal, biases 0.</summary>
    public static TLayer Initialized<TLayer>(TLayer layer)
        where TLayer : WeightedLayer
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

    /// <summary>A layer with the initial weights of Miyato et al. 2018 (Glorot, Bengio 2010): uniform, biases 0.</summary>
    public static TLayer Xavier<TLayer>(TLayer layer, double gain = 1)
        where TLayer : WeightedLayer
    {
        foreach (var (name, parameter) in layer.named_parameters())
        {
            if (name == "weight")
                nn.init.xavier_uniform_(parameter, gain);
            else
                nn.init.zeros_(parameter);
        }

        return layer;
    }

    /// <summary>A discriminator's layer, spectrally normalized if its architecture asks for it.</summary>
    public static TLayer OfDiscriminator<TLayer>(DiscriminatorArchitecture architecture, TLayer layer)
        where TLayer : WeightedLayer
    {
        if (architecture.Normalization == GanNormalization.Spectral)
            SpectralWeight.Normalize(layer);
        return layer;
    }

    public static Tensor OneHot(Tensor labels, int classCount) => F.one_hot(labels, classCount).to(ScalarType.Float32);

    /// <summary>A generator's table of classes, or <see langword="null"/> if it has none.</summary>
    public static Linear? Embedding(GanArchitecture architecture)
    {
        if (architecture.LabelCount == 0)
            return null;
        Linear table = new Linear(architecture.LabelCount, architecture.LabelEmbeddingSize, hasBias: false);
        // Beside z an embedding is as long as one value of z: what weighs more is learned first, and z left out.
        bool isBesideLatent = architecture.Conditioning == GanGeneratorConditioning.Concatenation;
        nn.init.normal_(table.Weight.Dense(), 0, isBesideLatent ? 1 / Math.Sqrt(architecture.LabelEmbeddingSize) : 1);
        return table;
    }

    /// <summary>
    /// Builds the input of a generator's first layer: z, [batch, latent], and beside it the embedding of the class where the generator is
    /// conditioned on it that way.
    /// </summary>
    public static Tensor BesideLatent(GanArchitecture architecture, Tensor z, Tensor? condition) =>
        architecture.Conditioning == GanGeneratorConditioning.Concatenation ? cat([z, condition!], 1) : z;
}
