using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>Networks that halve and double images, sized by <see cref="GanOptions.BaseChannels"/>.</summary>
internal abstract class ConvolutionalGanNetworks(GanNetworkKind kind) : GanNetworks(kind)
{
    public override bool GeneratorHasBatchNormalization => true;

    public override int[] HiddenSizes(GanOptions options) => [];

    public override void TakeSizes(GanOptions options, BaseOptions<GanOptions> own, GanArchitecture architecture) =>
        options.BaseChannels = own.Take(o => o.BaseChannels, architecture.BaseChannels);

    public override void Check(GanOptions options, RowShape row)
    {
        if (row.Image is not { } image)
            throw ColumnTypes.UnknownShape(options.InputColumnName, nameof(GanOptions.Network), Kind, GanNetworkKind.Mlp);
        GanOptions.Refuse(
            !options.HiddenSizes.SequenceEqual(GanOptions.Defaults.HiddenSizes), nameof(GanOptions.HiddenSizes),
            $"[{string.Join(", ", options.HiddenSizes)}]", $"networks of kind {Kind} have {nameof(GanOptions.BaseChannels)} instead");
        _ = HalvedMaps.Of(image, Kind);
    }

    public override void Check(GanArchitecture architecture) =>
        _ = HalvedMaps.Of(architecture.Row.Image ?? throw new ArgumentException($"{Kind} needs the shape of its images"), Kind);
}
