using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>
/// One kind of networks: generator and discriminator, the options that size them, and the rows that they take. A new kind is a class
/// derived from this, and an entry in <see cref="Of(GanNetworkKind)"/>.
/// </summary>
internal abstract class GanNetworks(GanNetworkKind kind)
{
    private static readonly Dictionary<GanNetworkKind, GanNetworks> _all =
        ((GanNetworks[])[new DcganNetworks(), new ResidualGanNetworks(), new MlpGanNetworks()]).ToDictionary(networks => networks.Kind);

    public GanNetworkKind Kind => kind;

    /// <summary>Whether the generator has batch normalization, which may be conditioned on the class.</summary>
    public abstract bool GeneratorHasBatchNormalization { get; }

    /// <summary>Whether the discriminator may have batch normalization.</summary>
    public abstract bool DiscriminatorHasBatchNormalization { get; }

    public static GanNetworks Of(GanNetworkKind kind) => _all[kind];

    /// <summary>The kind that the options name, or that suits the rows.</summary>
    public static GanNetworks Of(GanOptions options, RowShape row) =>
        Of(options.Network ?? (row.Image is null ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan));

    /// <summary>Creates a generator, with weights from libtorch's own generator.</summary>
    public abstract GeneratorNetwork CreateGenerator(GanArchitecture architecture);

    /// <summary>Creates a discriminator, with weights from libtorch's own generator.</summary>
    public abstract DiscriminatorNetwork CreateDiscriminator(DiscriminatorArchitecture architecture);

    /// <summary>Hidden sizes that the networks take from the options.</summary>
    public abstract int[] HiddenSizes(GanOptions options);

    /// <summary>Takes the options that size the networks from the model that a training continues from.</summary>
    public abstract void TakeSizes(GanOptions options, BaseOptions<GanOptions> own, GanArchitecture architecture);

    /// <summary>Checks the options that only some kinds have, and the rows.</summary>
    /// <exception cref="ArgumentException">
    /// An option has no effect on these networks, or they do not take such rows; the message names it.
    /// </exception>
    public abstract void Check(GanOptions options, RowShape row);

    /// <summary>Checks what a model file says.</summary>
    /// <exception cref="ArgumentException">There is no such network; the message names the member.</exception>
    public abstract void Check(GanArchitecture architecture);
}
