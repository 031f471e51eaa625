using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>
/// A low-resolution image (super-resolution; Saharia et al. 2021, SR3): enlarged, it is further channels of the network's input.
/// </summary>
/// <param name="ColumnName">The column of low-resolution images.</param>
/// <param name="Shape">Their shape.</param>
/// <param name="Target">The shape of the model's images: of the same channels, with multiples of the height and width.</param>
internal sealed record ImageCondition(string ColumnName, ImageShape Shape, ImageShape Target) : ICondition
{
    /// <summary>
    /// The condition that options and a column describe, or <see langword="null"/> for a model without low-resolution images.
    /// </summary>
    /// <exception cref="ArgumentException">There is a shape without a column or the other way round, or the shapes do not fit.</exception>
    public static ImageCondition? Create(string? columnName, ImageShape? shape, ImageShape target)
    {
        if (columnName is null != shape is null)
            throw new ArgumentException(
                $"low-resolution images of {shape?.ToString() ?? "no shape"} cannot be combined with "
                + (columnName is null ? "no column" : $"the column {Quoted.Text(columnName)}"));
        if (shape is not { } small)
            return null;
        if (!small.IsPossible || small.Channels != target.Channels || target.Height % small.Height != 0 || target.Width % small.Width != 0)
            throw new ArgumentException(
                $"Low-resolution images of {small} cannot be enlarged to images of {target}: expected the same channels, and a height and "
                + "width that divide theirs.");
        return new ImageCondition(columnName!, small, target);
    }

    /// <inheritdoc/>
    public TensorColumn OpenColumn(DataViewSchema schema) => TensorColumn.Features(schema, ColumnName, Shape, ValueRange.Unit);

    /// <inheritdoc/>
    public void Check(ConditionRequest request, int count, string parameterName)
    {
        if (request.Image?.Length != Shape.Size)
            throw new ArgumentException(
                $"{nameof(DiffusionGenerateOptions.LowResolution)} has {request.Image?.Length ?? 0} values; "
                + $"expected {Shape.Size}, {Shape}.", parameterName);
    }

    /// <inheritdoc/>
    public Tensor ValuesOf(ConditionRequest request, int first, int count, Device device) =>
        tensor(request.Image!, [1, Shape.Channels, Shape.Height, Shape.Width], device: device).expand(count, -1, -1, -1);

    /// <summary>[batch, channels, height, width] in 0..1 to the target's height and width in −1..1.</summary>
    public Tensor Encode(Tensor values) =>
        PixelScale.Signed(nn.functional.interpolate(
            values, size: [Target.Height, Target.Width], mode: InterpolationMode.Bilinear, align_corners: false));

    /// <summary>The image itself: guidance is by the other conditions alone.</summary>
    public Tensor NullLike(Tensor encoded) => encoded;
}
