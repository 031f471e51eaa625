using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

public class ByteImageDataViewTests
{
    private const int Count = 300;

    private static readonly ImageShape _shape = new(1, 2, 3);

    // Row r has the pixels r, r + 1, … and the class r mod 3.
    private static readonly StoredImages _images = new(
        TinyDataset.Bytes(Count * 6, i => i / 6 + i % 6), TinyDataset.Bytes(Count, i => i % 3), _shape, ["zero", "one", "two"]);

    private readonly MLContext _ml = new(1);
    private readonly ByteImageDataView _view = new(_images);

    [Fact]
    public void Columns_have_their_types_shape_and_names()
    {
        var (image, label) = (_view.Schema["Image"], _view.Schema["Label"]);
        VBuffer<ReadOnlyMemory<char>> names = default;
        label.GetKeyValues(ref names);

        Assert.Equal(2, _view.Schema.Count);
        Assert.True(ImageShape.TryGet(image.Type, out var shape));
        Assert.Equal(_shape, shape);
        Assert.Equal(new KeyDataViewType(typeof(uint), 3), label.Type);
        Assert.Equal(["zero", "one", "two"], names.DenseValues().Select(name => name.ToString()));
        Assert.Equal(Count, _view.GetRowCount());
    }

    [Fact]
    public void Rows_come_in_order_with_the_key_one_above_the_class()
    {
        var rows = Rows(_view.GetRowCursor(_view.Schema));

        Assert.Equal(Enumerable.Range(0, Count).Select(Expected), rows.Select(row => row.Text));
        Assert.Equal(Enumerable.Range(0, Count), rows.Select(row => (int)row.Id));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)]
    public void Cursors_of_a_set_share_the_rows_and_number_them_for_merging(int cursors)
    {
        var parts = _view.GetRowCursorSet(_view.Schema, cursors).Select(Rows).ToArray();

        Assert.InRange(parts.Length, 1, Math.Min(cursors, 5));
        Assert.All(parts, part => Assert.NotEmpty(part));
        foreach (var part in parts)
            Assert.Equal(part.Select(row => row.Batch).Order(), part.Select(row => row.Batch));
        Assert.Equal(
            Enumerable.Range(0, Count).Select(Expected), parts.SelectMany(part => part).OrderBy(row => row.Batch).Select(row => row.Text));
        Assert.Distinct(parts.SelectMany(part => part.Select(row => row.Batch).Distinct()));
    }

    [Fact]
    public void Shuffled_rows_are_the_same_rows_with_the_same_ids_in_another_order()
    {
        var shuffled = Rows(_view.GetRowCursor(_view.Schema, new Random(5)));
        var set = _view.GetRowCursorSet(_view.Schema, 2, new Random(5)).SelectMany(Rows).OrderBy(row => row.Batch);

        Assert.True(_view.CanShuffle);
        Assert.NotEqual(Enumerable.Range(0, Count).Select(Expected), shuffled.Select(row => row.Text));
        Assert.Equal(Enumerable.Range(0, Count).Select(Expected), shuffled.OrderBy(row => row.Id).Select(row => row.Text));
        Assert.Equal(shuffled.Select(row => row.Text), set.Select(row => row.Text));
    }

    [Fact]
    public void The_ordinary_operations_of_ML_NET_work_on_it()
    {
        var cached = _ml.Data.Cache(_view);
        var preview = _ml.Data.TakeRows(_view, 10).Preview();
        var split = _ml.Data.TrainTestSplit(_view, 0.3);
        var (train, test) = (Pixels(split.TrainSet), Pixels(split.TestSet));

        Assert.Equal(Pixels(_view), Pixels(cached));
        Assert.Equal(10, preview.RowView.Length);
        Assert.Equal(Count, train.Count + test.Count);
        Assert.InRange(test.Count, 50, 130);
        Assert.Equal(Pixels(_view).Order(), train.Concat(test).Order());
        Assert.Equal(Pixels(_view).Order(), Pixels(_ml.Data.ShuffleRows(_view, 3)).Order());
    }

    [Fact]
    public void A_pipeline_reads_it_on_several_threads_in_order()
    {
        var pipeline = _ml.Transforms.Conversion.ConvertType("Features", "Image", DataKind.Single)
            .Append(_ml.Transforms.Conversion.MapKeyToValue("Name", "Label"));
        var rows = _ml.Data.CreateEnumerable<FeatureRow>(pipeline.Fit(_view).Transform(_view), reuseRowObject: false).ToArray();

        Assert.Equal(Enumerable.Range(0, Count).Select(row => (float)(byte)row), rows.Select(row => row.Features![0]));
        Assert.Equal(["zero", "one", "two", "zero"], rows.Take(4).Select(row => row.Name));
    }

    [Fact]
    public void Columns_that_were_not_asked_for_are_not_given()
    {
        using var cursor = _view.GetRowCursor([_view.Schema["Label"]]);

        Assert.True(cursor.IsColumnActive(_view.Schema["Label"]));
        Assert.False(cursor.IsColumnActive(_view.Schema["Image"]));
        Assert.Contains(
            "'Image'", Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<VBuffer<byte>>(_view.Schema["Image"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_of_the_wrong_type_is_refused_with_the_columns_name()
    {
        using var cursor = _view.GetRowCursor(_view.Schema);

        Assert.Contains(
            "'Image'", Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<VBuffer<float>>(_view.Schema["Image"])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "'Label'", Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<byte>(_view.Schema["Label"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Values_are_there_only_while_the_cursor_is_on_a_row()
    {
        using var cursor = _view.GetRowCursor(_view.Schema);
        var label = cursor.GetGetter<uint>(_view.Schema["Label"]);
        uint key = 0;

        Assert.Equal(-1, cursor.Position);
        Assert.Throws<InvalidOperationException>(() => label(ref key));
        while (cursor.MoveNext())
            label(ref key);
        Assert.Equal(-1, cursor.Position);
        Assert.False(cursor.MoveNext());
        Assert.Throws<InvalidOperationException>(() => label(ref key));
    }

    [Fact]
    public void Bytes_in_memory_can_be_seen_through_the_view_and_drawn_ones_cannot()
    {
        Assert.Equal(_images.Pixels, _view.Pixels.ToArray());
        Assert.Equal(_images.Classes, _view.Classes.ToArray());
        Assert.True(((ByteImageDataView)_ml.Generative().Datasets.Digits(10)).Pixels.IsEmpty);
    }

    [Fact]
    public void Pixels_that_do_not_fit_the_number_of_labels_are_refused() =>
        Assert.Throws<ArgumentException>(() => new StoredImages(new byte[11], new byte[2], _shape, ["a"]));

    private static string Expected(int row) => $"{string.Join(' ', Enumerable.Range(0, 6).Select(i => (byte)(row + i)))}: {row % 3 + 1}";

    private static List<string> Pixels(IDataView view) => [.. Rows(view.GetRowCursor(view.Schema)).Select(row => row.Text)];

    private static List<(ulong Id, long Batch, string Text)> Rows(DataViewRowCursor cursor)
    {
        using (cursor)
        {
            List<(ulong, long, string)> rows = [];
            VBuffer<byte> pixels = default;
            uint key = 0;
            DataViewRowId id = default;
            var (image, label, identity) = (
                cursor.GetGetter<VBuffer<byte>>(cursor.Schema["Image"]), cursor.GetGetter<uint>(cursor.Schema["Label"]),
                cursor.GetIdGetter());
            while (cursor.MoveNext())
            {
                image(ref pixels);
                label(ref key);
                identity(ref id);
                Assert.Equal(rows.Count, cursor.Position);
                rows.Add((id.Low, cursor.Batch, $"{string.Join(' ', pixels.DenseValues())}: {key}"));
            }
            return rows;
        }
    }

    private sealed class FeatureRow
    {
        public float[]? Features { get; set; }

        public string? Name { get; set; }
    }
}
