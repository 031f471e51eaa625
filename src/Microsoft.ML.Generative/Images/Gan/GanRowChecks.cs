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
        GanNetworks.Of(options, row).Check(options, row);
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
    }

    private static void Refuse(bool isWrong, string option, object? value, string reason) =>
        GanOptions.Refuse(isWrong, option, value, reason);
}
