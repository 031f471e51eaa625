using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Transforms.Image;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>A column that a transformer adds, with what computes it.</summary>
/// <param name="column">Name, type and annotations.</param>
/// <param name="open">Makes the working memory of a cursor, given its number of slots.</param>
internal sealed class RowOutput(DataViewSchema.DetachedColumn column, Func<int, OutputBuffer> open)
{
    public DataViewSchema.DetachedColumn Column { get; } = column;

    public OutputBuffer Open(int slots) => open(slots);

    /// <summary>Numbers: Single, Int32 or keys, or known-size vectors of these.</summary>
    /// <param name="name">The column.</param>
    /// <param name="type">Its type.</param>
    /// <param name="compute">Computes [rows, ..values], of any number type.</param>
    /// <param name="annotations">What the column says of itself.</param>
    public static RowOutput Numbers(
        string name, DataViewType type, Func<RowBatch, torch.Tensor> compute, DataViewSchema.Annotations? annotations = null)
    {
        var vector = type as VectorDataViewType;
        return new RowOutput(new(name, type, annotations), (vector?.ItemType ?? type) switch
        {
            KeyDataViewType => slots => new NumberBuffer<uint>(name, compute, torch.int32, vector?.Size, slots),
            NumberDataViewType item
                when item == NumberDataViewType.Int32 => slots => new NumberBuffer<int>(name, compute, torch.int32, vector?.Size, slots),
            _ => slots => new NumberBuffer<float>(name, compute, torch.float32, vector?.Size, slots),
        });
    }

    /// <summary>Texts.</summary>
    /// <param name="name">The column.</param>
    /// <param name="compute">Computes one text per row.</param>
    public static RowOutput Texts(string name, Func<RowBatch, IReadOnlyList<string>> compute) =>
        new(new(name, TextDataViewType.Instance), slots => new TextBuffer(compute, slots));

    /// <summary>Images of ML.NET.</summary>
    /// <param name="name">The column.</param>
    /// <param name="shape">The images.</param>
    /// <param name="planes">Their bytes, plane by plane.</param>
    public static RowOutput Images(string name, ImageShape shape, RowInput<byte[][]> planes) =>
        new(new(name, new ImageDataViewType(shape.Height, shape.Width)), slots => new ImageBuffer(planes.Of, shape, slots));

    /// <summary>Images of ML.NET.</summary>
    /// <param name="name">The column.</param>
    /// <param name="shape">The images: gray, RGB or RGBA.</param>
    /// <param name="compute">Computes [rows, channels, height, width] in 0..1; values beyond are cut off.</param>
    public static RowOutput Images(string name, ImageShape shape, Func<RowBatch, torch.Tensor> compute) =>
        new(
            new(name, new ImageDataViewType(shape.Height, shape.Width)),
            slots => new ImageBuffer(rows => Planes(name, rows, compute(rows), shape), shape, slots));

    /// <summary>Images of ML.NET, or none without a name.</summary>
    /// <inheritdoc cref="Images(string, ImageShape, Func{RowBatch, torch.Tensor})" path="/param"/>
    public static IEnumerable<RowOutput> OptionalImages(string? name, ImageShape? shape, Func<RowBatch, torch.Tensor> compute) =>
        name is null ? [] : [Images(name, shape!.Value, compute)];

    private static byte[][] Planes(string column, RowBatch batch, torch.Tensor images, ImageShape shape)
    {
        if (!images.isfinite().all().ToBoolean())
        {
            FiniteValues.Check(
                TensorMemory.ToArray<float>(images), index => $"Row {batch.Positions[index / shape.Size]} of column {Quoted.Text(column)}");
        }

        torch.Tensor bytes = images.Times(255).round().Within(0, 255).to(torch.uint8).cpu().contiguous();
        return [.. TensorMemory.ToArray<byte>(bytes).Chunk(shape.Size)];
    }
}
