using Microsoft.ML.Generative.Images.Gan.Networks;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>What defines the discriminator, which is no part of the trained model.</summary>
/// <param name="Generator">The generator's architecture: both networks are of one kind and size.</param>
/// <param name="Normalization">What bounds the layers.</param>
/// <param name="LabelConditioning">How the discriminator is conditioned on the class, if there are classes.</param>
/// <param name="SeesStandardDeviation">Whether the last layer sees how much the rows of a batch differ.</param>
internal sealed record DiscriminatorArchitecture(
    GanArchitecture Generator, GanNormalization Normalization, GanLabelConditioning LabelConditioning, bool SeesStandardDeviation)
{
    public int LabelCount => Generator.LabelCount;

    /// <summary>Whether the discriminator sees an embedding of the class beside its input.</summary>
    public bool ConcatenatesLabels => LabelCount > 0 && LabelConditioning == GanLabelConditioning.Concatenation;

    public static DiscriminatorArchitecture Of(GanArchitecture generator, GanOptions options) =>
        new(generator, options.Normalization, options.LabelConditioning, options.MinibatchStandardDeviation);

    /// <summary>Creates a discriminator, with weights from libtorch's own generator.</summary>
    public DiscriminatorNetwork Create() => GanNetworks.Of(Generator.Network).CreateDiscriminator(this);
}
