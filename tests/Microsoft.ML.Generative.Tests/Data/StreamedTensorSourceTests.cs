using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class StreamedTensorSourceTests
{
    private static readonly MLContext _ml = new(seed: 1);
    private static readonly IHost _host = Hosts.Create(_ml);

    // Each row tells its number twice, in a feature and as its label.
    private static IDataView Numbered(int count) => _ml.Data.LoadFromEnumerable(Rows(count));

    private static IEnumerable<Row> Rows(int count)
    {
        for (int i = 0; i < count; i++)
            yield return new Row { Values = [i, -i], Label = i };
    }

    private static TensorSource Open(IDataView data, long rowsInBudget, long labels = 100_000) => TensorSource.Read(
        _host, data,
        [TensorColumn.Features(data.Schema, "Values", null, ValueRange.Finite), TensorColumn.Label(data.Schema, "Label", labels)],
        memoryBudget: rowsInBudget * 16);

    private static List<long> Labels(IBatchSource batches, int epoch, long skip = 0)
    {
        var labels = new List<long>();
        batches.StartEpoch(epoch, skip);
        for (long i = skip; i < batches.BatchesPerEpoch; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            TensorBatch batch = batches.Next();
            Assert.Equal(batch.Rows, batch[0].size(0));
            long[] numbers = batch[1].data<long>().ToArray();
            Assert.Equal(numbers.SelectMany(n => new float[] { n, -n }), batch[0].data<float>().ToArray());
            labels.AddRange(numbers);
        }

        return labels;
    }

    [Theory]
    [InlineData(1000, false)]
    [InlineData(999, true)]
    [InlineData(100, true)]
    public void Rows_that_do_not_fit_are_streamed(long rowsInBudget, bool isStreamed)
    {
        using TensorSource source = Open(_ml.Data.LoadFromEnumerable(Rows(1000).ToArray()), rowsInBudget);
        Assert.Equal(isStreamed, source is StreamedTensorSource);
        Assert.Equal(1000, source.Count);
    }

    [Fact]
    public void An_epoch_is_every_row_once_in_a_new_order_that_is_always_the_same()
    {
        using TensorSource source = Open(Numbered(1003), 150);
        IBatchSource batches = source.Batches(8, shuffle: true, seed: 5, torch.CPU);
        List<long> first = Labels(batches, 0);
        List<long> second = Labels(batches, 1);
        Assert.Equal(Enumerable.Range(0, 1003).Select(i => (long)i), first.Order());
        Assert.Equal(first.Order(), second.Order());
        Assert.NotEqual(first, second);
        Assert.Equal(first, Labels(batches, 0));

        // Spread over the pool: the first batch is not the first rows, and rows move by about the pool's size.
        Assert.True(first.Take(8).Max() > 30);
        Assert.True(first.Select((label, i) => Math.Abs(label - i)).Average() > 30);
        using TensorSource other = Open(Numbered(1003), 150);
        Assert.NotEqual(first, Labels(other.Batches(8, true, 6, torch.CPU), 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Skipping_batches_is_going_on_where_they_end(bool shuffle)
    {
        using TensorSource source = Open(Numbered(205), 60);
        IBatchSource batches = source.Batches(10, shuffle, 5, torch.CPU);
        List<long> whole = Labels(batches, 3);
        if (!shuffle)
            Assert.Equal(Enumerable.Range(0, 205).Select(i => (long)i), whole);
        for (int skip = 0; skip <= 20; skip++)
            Assert.Equal(whole.Skip(10 * skip), Labels(batches, 3, skip));
    }

    [Fact]
    public void The_fingerprint_is_that_of_the_rows_however_they_are_kept()
    {
        using TensorSource memory = Open(Numbered(300), 10_000);
        using TensorSource streamed = Open(Numbered(300), 100);
        using TensorSource other = Open(Numbered(301), 100);
        Assert.IsType<MemoryTensorSource>(memory);
        Assert.Equal(memory.Fingerprint, streamed.Fingerprint);
        Assert.NotEqual(other.Fingerprint, streamed.Fingerprint);

        // The order depends on the pool: a resumed training with another budget would see other batches.
        Assert.Contains("a pool of 50 rows", streamed.Batches(10, true, 1, torch.CPU).Fingerprint);
        Assert.Equal(streamed.Fingerprint, streamed.Batches(10, false, 1, torch.CPU).Fingerprint);
    }

    [Fact]
    public void A_row_that_cannot_be_used_is_named_before_any_batch()
    {
        IDataView data = Numbered(500);
        var error = Assert.Throws<InvalidDataException>(() => Open(data, 50, labels: 400));
        Assert.Contains("Column 'Label', row 400", error.Message);
    }

    [Fact]
    public void Data_that_shrinks_meanwhile_is_an_error_of_the_epoch()
    {
        IDataView shrinking = new ShrinkingView(Numbered(200), Numbered(120));
        using TensorSource source = Open(shrinking, 50);
        IBatchSource batches = source.Batches(10, true, 1, torch.CPU);
        var error = Assert.Throws<InvalidDataException>(() => Labels(batches, 0));
        Assert.Contains("had 200 rows when the training began and now has 120", error.Message);
    }

    [Fact]
    public void Leaving_in_the_middle_ends_the_thread_and_leaves_no_tensor()
    {
        void Leave()
        {
            using TensorSource source = Open(Numbered(5000), 100);
            IBatchSource batches = source.Batches(10, true, 1, torch.CPU);
            batches.StartEpoch(0);
            using DisposeScope scope = torch.NewDisposeScope();
            batches.Next();
            batches.StartEpoch(1);
            batches.Next();
        }

        Assert.Equal(0, TensorCounts.Growth(Leave, times: 15));
    }

    [Fact]
    public void Cancelling_reaches_the_training()
    {
        using var stop = new CancellationTokenSource();
        IDataView data = Numbered(50_000);
        using TensorSource source = TensorSource.Read(
            _host, data, [TensorColumn.Features(data.Schema, "Values", null, ValueRange.Finite)], memoryBudget: 8 * 1000, stop.Token);
        IBatchSource batches = source.Batches(10, true, 1, torch.CPU);
        batches.StartEpoch(0);
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            for (int i = 0; i < 5000; i++)
                batches.Next();
        });
    }

    [Fact]
    public void A_model_trained_from_a_stream_in_order_is_that_trained_from_memory()
    {
        List<object?[]> Train(long budget)
        {
            var ml = new MLContext(seed: 1);
            IDataView data = TinyImages.AsVectors(ml, 30_000);
            using VaeTransformer model = ml.Transforms.Generative().Vae(new VaeOptions
            {
                InputColumnName = "Pixels",
                LatentSize = 2,
                HiddenSizes = [4],
                Epochs = 1,
                BatchSize = 512,
                Shuffle = false,
                MemoryBudget = budget,
            }).Fit(data);
            return Tests.Rows.Read(model.Transform(ml.Data.TakeRows(data, 20)));
        }

        // 30,000 rows of 48 bytes are more than the mebibyte.
        Tests.Rows.AssertEqual(Train(1 << 30), Train(1 << 20), tolerance: 0);
    }

    private sealed class Row
    {
        [VectorType(2)]
        public float[] Values { get; set; } = [];

        public long Label { get; set; }
    }

    // Other rows from the second pass on.
    private sealed class ShrinkingView(IDataView first, IDataView later) : IDataView
    {
        private int _passes;

        public DataViewSchema Schema => first.Schema;

        public bool CanShuffle => false;

        public long? GetRowCount() => 200;

        public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
            _passes++ == 0 ? first.GetRowCursor(columnsNeeded, rand) : later.GetRowCursor(
                later.Schema.Where(c => columnsNeeded.Any(n => n.Name == c.Name)), rand);

        public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
            [GetRowCursor(columnsNeeded, rand)];
    }
}
