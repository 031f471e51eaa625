using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan.Networks;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>Checks options against the rows of the data.</summary>
internal static class GanRowChecks
{
    /// <exception cref="ArgumentException">
    /// An option has no effect on such rows, or cannot be had with them; the message names it.
    /// </exception>
    public static void Check(GanOptions options, RowShape row)
    {
        GanNetworkKind network = options.Network ?? (row.Image is null ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan);
        bool isMlp = network == GanNetworkKind.Mlp;
        if (row.Image is null && !isMlp)
            throw ColumnTypes.UnknownShape(options.InputColumnName, nameof(GanOptions.Network), network, GanNetworkKind.Mlp);
        string noImages = $"column '{options.InputColumnName}' holds no images";
        Refuse(
            row.Image is null && options.Augmentation != GanAugmentations.None, nameof(GanOptions.Augmentation), options.Augmentation,
            noImages);
        Refuse(
            row.Image is null && options.SampleDirectory is not null, nameof(GanOptions.SampleDirectory), options.SampleDirectory,
            noImages);
        Refuse(
            row.Image is null && options.GeneratedImageColumnName is not null, nameof(GanOptions.GeneratedImageColumnName),
            options.GeneratedImageColumnName, noImages);
        string noConvolutions = $"networks of kind {GanNetworkKind.Mlp} have neither convolutions nor batch normalization";
        Refuse(
            isMlp && options.BaseChannels != GanOptions.Defaults.BaseChannels, nameof(GanOptions.BaseChannels), options.BaseChannels,
            noConvolutions);
        Refuse(
            isMlp && options.LabelColumnName is not null && options.GeneratorConditioning == GanGeneratorConditioning.BatchNormalization,
            nameof(GanOptions.GeneratorConditioning), options.GeneratorConditioning, noConvolutions);
        Refuse(
            isMlp && options.Normalization == GanNormalization.Batch, nameof(GanOptions.DiscriminatorNormalization), options.Normalization,
            noConvolutions);
        Refuse(!isMlp && !options.HiddenSizes.SequenceEqual(GanOptions.Defaults.HiddenSizes), nameof(GanOptions.HiddenSizes),
            $"[{string.Join(", ", options.HiddenSizes)}]", $"networks of kind {network} have {nameof(GanOptions.BaseChannels)} instead");
        if (!isMlp)
            _ = HalvedMaps.Of(row.Image!.Value, network);
    }

    private static void Refuse(bool isWrong, string option, object? value, string reason) =>
        GanOptions.Refuse(isWrong, option, value, reason);
}
