using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class TensorSourceTests
{
    private static readonly MLContext _ml = new(seed: 1);
    private static readonly IHost _host = Hosts.Create(_ml);

    [Fact]
    public void Bytes_stay_bytes_and_become_intensities_in_a_batch()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Bytes { Image = [0, 51, 255, 102] }]);
        TensorColumn column = TensorColumn.Features(data.Schema, "Image", new ImageShape(1, 2, 2), ValueRange.Unit);
        using TensorSource source = TensorSource.Read(_host, data, [column]);

        Assert.Equal(torch.ScalarType.Byte, ((MemoryTensorSource)source)[0].dtype);
        torch.Tensor batch = NextBatch(source);
        Assert.Equal([1, 1, 2, 2], batch.shape);
        Assert.Equal([0f, 0.2f, 1f, 0.4f], batch.data<float>().ToArray());
    }

    [Fact]
    public void Floats_arrive_as_they_are_sparse_ones_too()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new SparseFloats { Values = new VBuffer<float>(4, 2, [2.5f, -1f], [1, 3]) }]);
        TensorColumn column = TensorColumn.Features(data.Schema, "Values", shape: null, ValueRange.Finite);
        using TensorSource source = TensorSource.Read(_host, data, [column]);
        Assert.Equal([0f, 2.5f, 0f, -1f], NextBatch(source).data<float>().ToArray());
    }

    [Fact]
    public void Single_columns_are_vectors_of_one()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Scalars { Value = 3.5f }, new Scalars { Value = -1 }]);
        using TensorSource source = TensorSource.Read(
            _host, data, [TensorColumn.Features(data.Schema, "Value", shape: null, ValueRange.Finite)]);
        torch.Tensor batch = NextBatch(source);
        Assert.Equal([2, 1], batch.shape);
        Assert.Equal([3.5f, -1f], batch.data<float>().ToArray());
    }

    [Theory]
    [InlineData(MLPixelFormat.Rgba32, new[] { 10, 20, 30 })]
    [InlineData(MLPixelFormat.Bgra32, new[] { 30, 20, 10 })]
    public void Images_become_planes_of_red_green_and_blue(MLPixelFormat format, int[] expected)
    {
        byte[] pixels = [10, 20, 30, 255, 10, 20, 30, 255];
        using MLImage image = MLImage.CreateFromPixels(2, 1, format, pixels);
        torch.Tensor planes = ReadImage(image, channels: 3);
        Assert.Equal([1, 3, 1, 2], planes.shape);
        Assert.Equal([.. expected.SelectMany(v => new[] { v / 255f, v / 255f })], planes.data<float>().ToArray());
    }

    [Fact]
    public void An_image_read_with_one_channel_is_gray_by_luma()
    {
        using MLImage image = MLImage.CreateFromPixels(2, 1, MLPixelFormat.Rgba32, [200, 100, 50, 255, 0, 0, 0, 255]);
        torch.Tensor gray = ReadImage(image, channels: 1);
        Assert.Equal(Math.Round(0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, gray.data<float>()[0], 1e-6);
    }

    // ML.NET counts a key property from 0 and the column's values from 1; what is out of its range becomes missing.
    [Fact]
    public void Keys_and_integers_become_labels_from_zero()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Labels { Key = 2, Integer = 2 }, new Labels { Key = 0, Integer = 0 }]);
        using TensorSource source = TensorSource.Read(
            _host, data, [TensorColumn.Label(data.Schema, "Key", 3), TensorColumn.Label(data.Schema, "Integer", 3)]);
        Assert.Equal([2L, 0L], ((MemoryTensorSource)source)[0].data<long>().ToArray());
        Assert.Equal([2L, 0L], ((MemoryTensorSource)source)[1].data<long>().ToArray());
    }

    [Theory]
    [InlineData(9u, 0, "Column 'Key', row 1: the label is missing")]
    [InlineData(1u, 3, "Column 'Integer', row 1: the label is 3; expected 0 to 2")]
    [InlineData(1u, -1, "Column 'Integer', row 1: the label is -1")]
    public void A_label_that_cannot_be_used_is_told_with_column_and_row(uint key, int integer, string expected)
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Labels { Key = 1 }, new Labels { Key = key, Integer = integer }]);
        TensorColumn[] columns = [TensorColumn.Label(data.Schema, "Key", 3), TensorColumn.Label(data.Schema, "Integer", 3)];
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => TensorSource.Read(_host, data, columns));
        Assert.Contains(expected, error.Message);
    }

    [Theory]
    [InlineData(float.NaN, "value 1 is NaN; expected finite numbers")]
    [InlineData(float.PositiveInfinity, "value 1 is Infinity")]
    [InlineData(255f, "value 1 is 255; expected 0 to 1")]
    [InlineData(-0.5f, "value 1 is -0.5; expected 0 to 1")]
    public void A_pixel_that_cannot_be_used_is_told_with_column_and_row(float pixel, string expected)
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Floats { Image = [0, 1, 0] }, new Floats { Image = [0, pixel, 0] }]);
        TensorColumn column = TensorColumn.Features(data.Schema, "Image", shape: null, ValueRange.Unit);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => TensorSource.Read(_host, data, [column]));
        Assert.Contains($"Column 'Image', row 1: {expected}", error.Message);
    }

    [Fact]
    public void Range_checks_see_every_place_of_a_long_row()
    {
        for (int i = 0; i < 37; i++)
        {
            float[] values = new float[37];
            values[i] = 2;
            IDataView data = _ml.Data.LoadFromEnumerable([new AnyFloats { Image = new VBuffer<float>(37, values) }], WithSize(37));
            TensorColumn column = TensorColumn.Features(data.Schema, "Image", shape: null, ValueRange.Unit);
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => TensorSource.Read(_host, data, [column]));
            Assert.Contains($"value {i} is 2", error.Message);
        }
    }

    [Fact]
    public void Images_of_varying_size_are_told_with_column_and_row()
    {
        using MLImage first = MLImage.CreateFromPixels(2, 1, MLPixelFormat.Rgba32, new byte[8]);
        using MLImage second = MLImage.CreateFromPixels(1, 3, MLPixelFormat.Rgba32, new byte[12]);
        IDataView data = _ml.Data.LoadFromEnumerable([new ImageRow { Image = first }, new ImageRow { Image = second }]);
        TensorColumn column = TensorColumn.Features(data.Schema, "Image", new ImageShape(3, 1, 2), ValueRange.Unit);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => TensorSource.Read(_host, data, [column]));
        Assert.Contains("Column 'Image', row 1: the image has 1×3 pixels; expected 2×1", error.Message);
    }

    [Fact]
    public void Columns_that_are_missing_or_of_another_type_or_size_are_named()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Labels()]);
        Assert.Contains("'Pixels' is missing", Refused(() => TensorColumn.Features(data.Schema, "Pixels", null, ValueRange.Unit)));
        Assert.Contains("Key, Integer", Refused(() => TensorColumn.Features(data.Schema, "Pixels", null, ValueRange.Unit)));
        Assert.Contains("'Integer' has type Int32", Refused(() => TensorColumn.Features(data.Schema, "Integer", null, ValueRange.Unit)));

        IDataView bytes = _ml.Data.LoadFromEnumerable([new Bytes()]);
        Assert.Contains("'Image' has 4 values per row; expected 12", Refused(() =>
            TensorColumn.Features(bytes.Schema, "Image", new ImageShape(3, 2, 2), ValueRange.Unit)));
        Assert.Contains("'Image' has type Vector<Byte, 4>", Refused(() => TensorColumn.Label(bytes.Schema, "Image", 10)));

        static string Refused(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
    }

    [Fact]
    public void An_epoch_holds_every_row_once_and_depends_on_seed_and_number_alone()
    {
        using TensorSource source = Numbers(103);
        IBatchSource batches = source.Batches(10, shuffle: true, seed: 5, torch.CPU);
        Assert.Equal(11, batches.BatchesPerEpoch);

        float[] first = Epoch(batches, 0);
        float[] second = Epoch(batches, 1);
        Assert.Equal(Enumerable.Range(0, 103).Select(i => (float)i), first.Order());
        Assert.NotEqual(first, second);
        Assert.NotEqual(first, first.Order());
        Assert.Equal(first, Epoch(batches, 0));
        Assert.Equal(second, Epoch(source.Batches(10, shuffle: true, seed: 5, torch.CPU), 1));
        Assert.NotEqual(first, Epoch(source.Batches(10, shuffle: true, seed: 6, torch.CPU), 0));
    }

    [Fact]
    public void An_epoch_can_be_entered_at_any_batch()
    {
        using TensorSource source = Numbers(25);
        IBatchSource batches = source.Batches(10, shuffle: true, seed: 5, torch.CPU);
        Assert.Equal(Epoch(batches, 3).Skip(20), Epoch(batches, 3, skip: 2));
    }

    [Fact]
    public void Rows_keep_their_order_without_shuffling()
    {
        using TensorSource source = Numbers(25);
        Assert.Equal(Enumerable.Range(0, 25).Select(i => (float)i), Epoch(source.Batches(7, shuffle: false, seed: 5, torch.CPU), 0));
    }

    [Fact]
    public void Rows_of_unknown_number_are_all_read()
    {
        // A filter does not know how many rows it lets through; the rows are more than the first buffer holds.
        const int count = 3000;
        IDataView data = _ml.Data.FilterRowsByColumn(
            _ml.Data.LoadFromEnumerable(
                Enumerable.Range(0, count).Select(i => new Wide { Number = i, Values = [.. Enumerable.Repeat((float)i, 1000)] })),
            nameof(Wide.Number), lowerBound: 1);
        Assert.Null(data.GetRowCount());
        using TensorSource source = TensorSource.Read(_host, data, [TensorColumn.Features(data.Schema, "Values", null, ValueRange.Finite)]);

        Assert.Equal(count - 1, source.Count);
        using torch.Tensor means = ((MemoryTensorSource)source)[0].mean([1]);
        Assert.Equal(Enumerable.Range(1, count - 1).Select(i => (float)i), means.data<float>().ToArray());
    }

    [Fact]
    public void Reading_stops_when_it_is_cancelled()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Scalars()]);
        TensorColumn[] columns = [TensorColumn.Features(data.Schema, "Value", null, ValueRange.Finite)];
        Assert.Throws<OperationCanceledException>(() =>
            TensorSource.Read(_host, data, columns, cancellation: new CancellationToken(canceled: true)));
    }

    private static TensorSource Numbers(int count)
    {
        IDataView data = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i => new Scalars { Value = i }));
        return TensorSource.Read(_host, data, [TensorColumn.Features(data.Schema, "Value", null, ValueRange.Finite)]);
    }

    private static float[] Epoch(IBatchSource batches, int epoch, int skip = 0)
    {
        batches.StartEpoch(epoch, skip);
        List<float> values = [];
        for (long i = skip; i < batches.BatchesPerEpoch; i++)
        {
            using var scope = torch.NewDisposeScope();
            values.AddRange(batches.Next()[0].data<float>().ToArray());
        }

        return [.. values];
    }

    private static torch.Tensor NextBatch(TensorSource source)
    {
        IBatchSource batches = source.Batches(100, shuffle: false, seed: 0, torch.CPU);
        batches.StartEpoch(0);
        return batches.Next()[0];
    }

    private static torch.Tensor ReadImage(MLImage image, int channels)
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new ImageRow { Image = image }]);
        ImageShape shape = ColumnTypes.FindShape(data, "Image", channels, null, null)!.Value;
        using TensorSource source = TensorSource.Read(_host, data, [TensorColumn.Features(data.Schema, "Image", shape, ValueRange.Unit)]);
        return NextBatch(source);
    }

    private static SchemaDefinition WithSize(int size)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(AnyFloats));
        schema["Image"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, size);
        return schema;
    }

    private sealed class Bytes
    {
        [VectorType(4)]
        public byte[] Image { get; set; } = new byte[4];
    }

    private sealed class Floats
    {
        [VectorType(3)]
        public float[] Image { get; set; } = [];
    }

    private sealed class AnyFloats
    {
        public VBuffer<float> Image { get; set; }
    }

    private sealed class SparseFloats
    {
        [VectorType(4)]
        public VBuffer<float> Values { get; set; }
    }

    private sealed class Scalars
    {
        public float Value { get; set; }
    }

    private sealed class Wide
    {
        public float Number { get; set; }

        [VectorType(1000)]
        public float[] Values { get; set; } = [];
    }

    private sealed class Labels
    {
        [KeyType(5)]
        public uint Key { get; set; }

        public int Integer { get; set; }
    }

    private sealed class ImageRow
    {
        [Microsoft.ML.Transforms.Image.ImageType(1, 2)]
        public MLImage? Image { get; set; }
    }
}
