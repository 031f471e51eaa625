using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Rewards;

/// <summary>Images that a reward scores.</summary>
/// <param name="Values">The pixels of all images in 0..1, image by image and plane by plane.</param>
/// <param name="Shape">The shape of each.</param>
/// <param name="ClassNames">The class that each was generated for; <see langword="null"/> where there are none.</param>
internal sealed record RewardedImages(float[] Values, ImageShape Shape, IReadOnlyList<string?>? ClassNames = null)
{
    private const int RowsAtOnce = 256;

    public int Count => Values.Length / Shape.Size;

    /// <summary>One image.</summary>
    public GeneratedImage this[int index] => new(
        Values.AsMemory(index * Shape.Size, Shape.Size), Shape.Channels, Shape.Height, Shape.Width, ClassNames?[index]);

    /// <summary>The names of classes by their numbers.</summary>
    /// <param name="labels">Classes from 0; one beyond the last is none.</param>
    /// <param name="classes">What they stand for; <see langword="null"/>: their numbers.</param>
    /// <param name="count">How many classes there are.</param>
    public static string?[] NamesOf(IEnumerable<long> labels, ClassLabels? classes, int count) =>
        [.. labels.Select(label => label < 0 || label >= count ? null : classes?.Values[label] ?? $"{label}")];

    /// <summary>The images of a column.</summary>
    /// <exception cref="ArgumentException">A column is missing, or holds no images or no keys.</exception>
    public static RewardedImages Read(IHost host, IDataView data, string imageColumn, string? labelColumn)
    {
        ImageShape shape = ColumnTypes.FindShape(data, imageColumn, channels: null, height: null, width: null)
            ?? throw ColumnTypes.NoShape(imageColumn);
        TensorColumn column = TensorColumn.Features(data.Schema, imageColumn, shape, ValueRange.Finite);
        using TensorSource source = TensorSource.Read(host, data, [column]);
        float[] values = new float[checked((int)(source.Count * shape.Size))];
        IBatchSource batches = source.Batches(RowsAtOnce, shuffle: false, seed: 0, torch.CPU);
        batches.StartEpoch(0);
        for (int start = 0; start < values.Length;)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            float[] part = TensorMemory.ToArray<float>(batches.Next()[0]);
            part.CopyTo(values, start);
            start += part.Length;
        }

        return new RewardedImages(values, shape, labelColumn is null ? null : ReadClasses(data, labelColumn));
    }

    /// <summary>The images as the only column of a data view.</summary>
    public MemoryDataView ToDataView(IHost host, string column) =>
        new(host, MemoryColumn.Vectors(column, Shape.VectorType(NumberDataViewType.Single), Values));

    private static string?[] ReadClasses(IDataView data, string labelColumn)
    {
        DataViewSchema.Column column = ColumnTypes.Find(data.Schema, labelColumn);
        if (column.Type is not KeyDataViewType { RawType: var raw } key || raw != typeof(uint))
            throw ColumnTypes.Mismatch($"Column '{labelColumn}' has type {column.Type}; expected a key.");
        List<long> labels = [];
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        ValueGetter<uint> getter = cursor.GetGetter<uint>(column);
        uint value = 0;
        while (cursor.MoveNext())
        {
            getter(ref value);
            labels.Add(value - 1L);
        }

        return NamesOf(labels, ClassLabels.OfKeys(column), checked((int)key.Count));
    }
}
