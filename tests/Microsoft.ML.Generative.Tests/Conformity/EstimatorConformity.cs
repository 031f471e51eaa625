using Microsoft.ML.Data;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// What every estimator of the library promises. A new estimator gets the suite by deriving one class that says how to make it,
/// its data, and data that it must refuse.
/// </summary>
public abstract partial class EstimatorConformity<TTransformer>
    where TTransformer : class, ITransformer, IDisposable
{
    /// <summary>A tiny model that trains in about a second.</summary>
    /// <param name="ml">The context.</param>
    /// <param name="configure">Changes some of the options that the model is made with.</param>
    protected abstract IEstimator<TTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure);

    private IEstimator<TTransformer> CreateEstimator(MLContext ml) => CreateEstimator(ml, _ => { });

    /// <summary>A few dozen rows that the estimator accepts, with at least one column that it does not read.</summary>
    protected abstract IDataView CreateData(MLContext ml);

    protected abstract string InputColumn { get; }

    /// <summary>ML.NET's cache and its schema files drop columns of images.</summary>
    protected virtual bool CacheKeepsColumns => true;

    /// <summary>Relative difference allowed between a row computed alone and in a batch.</summary>
    protected virtual double Tolerance => 1e-4;

    [Fact]
    public void Schema_promised_by_the_estimator_is_what_the_transformer_delivers()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = Trained;

        string[] promised = Describe(CreateEstimator(ml).GetOutputSchema(ShapeOf(data.Schema)));
        Assert.Equal(promised, Describe(ShapeOf(model.GetOutputSchema(data.Schema))));
        Assert.Equal(promised, Describe(ShapeOf(model.Transform(data).Schema)));
        Assert.Equal(data.Schema.Select(c => c.Name), model.Transform(data).Schema.Take(data.Schema.Count).Select(c => c.Name));
    }

    [Fact]
    public void A_missing_input_column_is_named_before_any_work()
    {
        MLContext ml = new(seed: 1);
        IDataView data = ml.Transforms.DropColumns(InputColumn).Fit(CreateData(ml)).Transform(CreateData(ml));

        foreach (Action attempt in (Action[])[
            () => CreateEstimator(ml).Fit(data),
            () => CreateEstimator(ml).GetOutputSchema(ShapeOf(data.Schema))])
        {
            ArgumentException error = Assert.ThrowsAny<ArgumentException>(attempt);
            Assert.Contains($"'{InputColumn}' is missing", error.Message);
        }
    }

    [Fact]
    public void An_input_column_of_the_wrong_type_is_named_with_the_types_expected()
    {
        MLContext ml = new(seed: 1);
        IDataView data = Replaced(ml, new DateTime(2020, 1, 1));

        foreach (Action attempt in (Action[])[
            () => CreateEstimator(ml).Fit(data),
            () => CreateEstimator(ml).GetOutputSchema(ShapeOf(data.Schema))])
        {
            ArgumentException error = Assert.ThrowsAny<ArgumentException>(attempt);
            Assert.Contains($"'{InputColumn}'", error.Message);
            Assert.Contains("expected", error.Message);
        }
    }

    [Fact]
    public void A_trained_model_refuses_data_without_its_column()
    {
        MLContext ml = new(seed: 1);
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => Trained.Transform(Replaced(ml, 1.0)));
        Assert.Contains($"'{InputColumn}'", error.Message);
    }

    [Fact]
    public void Empty_data_is_refused_naming_the_column()
    {
        MLContext ml = new(seed: 1);
        IDataView none = ml.Data.SkipRows(CreateData(ml), 1_000_000);
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => CreateEstimator(ml).Fit(none));
        Assert.StartsWith("The data is empty: column", error.Message);
        Assert.Contains($"'{InputColumn}'", error.Message);
    }

    [Fact]
    public void A_saved_and_loaded_model_has_the_same_schema_and_values()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        var pipeline = ml.Transforms.CopyColumns("Copy", InputColumn).Append(CreateEstimator(ml));
        using var model = pipeline.Fit(data);
        using var file = new MemoryStream();
        ml.Model.Save(model, data.Schema, file);
        file.Position = 0;

        ITransformer loaded = new MLContext().Model.Load(file, out DataViewSchema inputSchema);
        using var _ = loaded as IDisposable;

        if (CacheKeepsColumns)
            Assert.Equal(Describe(ShapeOf(data.Schema)), Describe(ShapeOf(inputSchema)));
        Assert.Equal(
            model.GetOutputSchema(data.Schema).Select(c => (c.Name, c.Type.ToString())),
            loaded.GetOutputSchema(data.Schema).Select(c => (c.Name, c.Type.ToString())));
        Rows.AssertEqual(Rows.Read(model.Transform(data)), Rows.Read(loaded.Transform(data)), tolerance: 0);
    }

    [Fact]
    public void The_row_mapper_keeps_the_very_schema_that_it_was_given()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = Trained;
        Assert.True(model.IsRowToRowMapper);
        Assert.Same(data.Schema, model.GetRowToRowMapper(data.Schema).InputSchema);
    }

    [Fact]
    public void Two_passes_agree()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = Trained;
        IDataView output = model.Transform(data);
        Rows.AssertEqual(Rows.Read(output), Rows.Read(output), tolerance: 0);
        Assert.Equal(Math.Min(100, Rows.Read(data).Count), output.Preview(100).RowView.Length);
    }

    [Fact]
    public void A_row_computed_alone_equals_the_row_in_a_batch()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = Trained;
        AssertSingleRowsEqual(model, data);
    }

    [Fact]
    public void Parallel_cursors_agree()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = Trained;
        IDataView output = model.Transform(data);
        List<object?[]> expected = Rows.Read(output);

        Parallel.For(
            0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ => Rows.AssertEqual(expected, Rows.Read(output), tolerance: 0));
        DataViewRowCursor[] set = output.GetRowCursorSet(output.Schema, 3);
        Assert.Equal(expected.Count, set.Sum(cursor => Rows.Read(cursor).Count));
    }

    [Fact]
    public void Columns_can_be_asked_for_one_at_a_time()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = Trained;
        IDataView output = model.Transform(data);
        List<object?[]> all = Rows.Read(output);

        foreach (DataViewSchema.Column column in output.Schema)
        {
            using DataViewRowCursor cursor = output.GetRowCursor([column]);
            Rows.AssertEqual([.. all.Select(row => new[] { row[column.Index] })], Rows.Read(cursor), Tolerance);
        }
    }

    [Fact]
    public void Batches_do_not_mix_rows_up_when_they_are_shuffled()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CacheKeepsColumns ? ml.Data.Cache(CreateData(ml)) : CreateData(ml);
        TTransformer model = Trained;
        int input = data.Schema[InputColumn].Index;
        List<object?[]> ordered = Rows.Read(model.Transform(data));
        List<object?[]> shuffled = Rows.Read(model.Transform(data), new Random(3));

        Assert.Equal(data.CanShuffle, model.Transform(data).CanShuffle);
        if (CacheKeepsColumns)
            Assert.NotEqual(ordered.Select(row => row[input]), shuffled.Select(row => row[input]));
        Assert.Equal(ordered.Count, shuffled.Count);
        foreach (object?[] row in shuffled)
        {
            object?[] same = ordered.First(o => Equal(o[input], row[input]));
            Rows.AssertEqual(same, [.. row.Select((value, i) => i < data.Schema.Count ? same[i] : value)], Tolerance);
        }

        static bool Equal(object? a, object? b) =>
            a is Array x && b is Array y ? x.Cast<object>().SequenceEqual(y.Cast<object>()) : Equals(a, b);
    }

    [Fact]
    public void The_same_seed_trains_the_same_model()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        using TTransformer again = CreateEstimator(ml).Fit(data);
        Rows.AssertEqual(Rows.Read(Trained.Transform(data)), Rows.Read(again.Transform(data)), tolerance: 0);
    }

    [Fact]
    public void A_cancelled_context_stops_the_training()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        bool started = false;
        ml.Log += (_, _) =>
        {
            started = true;
            ml.CancelExecution();
        };
        Assert.ThrowsAny<OperationCanceledException>(() => CreateEstimator(ml).Fit(data));
        Assert.True(started);
    }

    [Fact]
    public void A_model_outlives_the_dispose_scope_that_it_was_trained_in()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model;
        using (torch.NewDisposeScope())
            model = CreateEstimator(ml).Fit(data);
        using (model)
            Assert.NotEmpty(Rows.Read(model.Transform(data)));
    }

    [Fact]
    public void A_disposed_model_is_released_and_says_so()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer model = CreateEstimator(ml).Fit(data);
        IDataView output = model.Transform(data);
        using DataViewRowCursor cursor = output.GetRowCursor(output.Schema);
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Rows.Read(output));
        Assert.Throws<ObjectDisposedException>(() => Rows.Read(cursor));
        // Most often, a PredictionEngine has done it.
        Assert.Contains("OwnsTransformer", Assert.Throws<ObjectDisposedException>(() => model.Transform(data)).Message);
        Assert.Throws<ObjectDisposedException>(() => model.GetOutputSchema(data.Schema));
    }

    // Data in which the input column has another type.
    private IDataView Replaced<T>(MLContext ml, T value)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Box<T>));
        schema[nameof(Box<T>.Value)].ColumnName = InputColumn;
        return ml.Data.LoadFromEnumerable([new Box<T> { Value = value }], schema);
    }

    private sealed class Box<T>
    {
        public T Value { get; set; } = default!;
    }

    private static SchemaShape ShapeOf(DataViewSchema schema) => SchemaShapes.Of(schema);

    private static string[] Describe(SchemaShape shape) =>
        [.. shape.Select(c =>
            $"{c.Name}: {c.Kind} of {c.ItemType}{(c.IsKey ? " (key)" : "")} [{string.Join(", ", Describe(c.Annotations))}]").Order()];
}
