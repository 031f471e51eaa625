using Microsoft.ML.Generative.Common;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How images are handed to a network in a file.</summary>
public sealed class ImageFeatureOptions
{
    /// <summary>
    /// Channels that it takes, 1 to 4: gray images are repeated for more. Default: what an ONNX file asks for, else those of the images.
    /// </summary>
    public int? Channels { get; set; }

    /// <summary>
    /// Height in pixels that images are resized to, at least 1, by bilinear interpolation. Default: what an ONNX file asks for, else their
    /// own.
    /// </summary>
    public int? Height { get; set; }

    /// <summary>Width in pixels that images are resized to, at least 1. Default: what an ONNX file asks for, else their own.</summary>
    public int? Width { get; set; }

    /// <summary>Subtracted from the images' values in 0..1: one number, or one a channel. Default: 0.</summary>
    public float[] Mean { get; set; } = [0];

    /// <summary>
    /// What they are then divided by, above 0: one number, or one a channel; 0.5 with a mean of 0.5 makes −1..1. Default: 1.
    /// </summary>
    public float[] StandardDeviation { get; set; } = [1];

    internal ImageFeatureOptions Checked()
    {
        OptionChecks.Between(Channels, 1, 4);
        OptionChecks.AtLeast(Height, 1);
        OptionChecks.AtLeast(Width, 1);
        Check(Mean, float.IsFinite, "finite numbers", nameof(Mean));
        Check(StandardDeviation, d => float.IsFinite(d) && d > 0, "numbers above 0", nameof(StandardDeviation));
        var copy = (ImageFeatureOptions)MemberwiseClone();
        (copy.Mean, copy.StandardDeviation) = ([.. Mean], [.. StandardDeviation]);
        return copy;
    }

    /// <summary>These options, with a shape where they say none.</summary>
    internal ImageFeatureOptions Or(int? channels, int? height, int? width)
    {
        var filled = (ImageFeatureOptions)MemberwiseClone();
        filled.Channels ??= channels;
        filled.Height ??= height;
        filled.Width ??= width;
        return filled;
    }

    /// <summary>From values in 0..1 to what the network takes.</summary>
    /// <param name="rows">[batch, channels, height, width].</param>
    /// <exception cref="ArgumentException">The options do not fit the images.</exception>
    internal Tensor Prepare(Tensor rows)
    {
        long channels = Channels ?? rows.size(1);
        if (channels != rows.size(1))
        {
            rows = rows.size(1) == 1 ? rows.expand(-1, channels, -1, -1)
                : throw new ArgumentException(
                    $"{nameof(Channels)} is {channels}, but the images have {rows.size(1)}; only gray ones can be repeated.");
        }

        if ((Height ?? rows.size(2), Width ?? rows.size(3)) is var (height, width) && (height, width) != (rows.size(2), rows.size(3)))
        {
            rows = nn.functional.interpolate(
                rows, [height, width], mode: InterpolationMode.Bilinear, align_corners: false, antialias: true);
        }

        return (rows - PerChannel(Mean, rows, nameof(Mean))) / PerChannel(StandardDeviation, rows, nameof(StandardDeviation));
    }

    private static void Check(float[]? values, Func<float, bool> isAllowed, string expected, string name)
    {
        if (values is null || values.Length is 0 or > 4 || !values.All(isAllowed))
        {
            throw new ArgumentException(
                $"{name} is {(values is null ? "null" : $"[{string.Join(", ", values)}]")}; expected 1 to 4 {expected}.", name);
        }
    }

    private static Tensor PerChannel(float[] values, Tensor rows, string name) => values.Length == 1 || values.Length == rows.size(1)
        ? tensor(values, [values.Length, 1, 1], device: rows.device)
        : throw new ArgumentException($"{name} has {values.Length} numbers; expected one, or one for each of the {rows.size(1)} channels.");
}
