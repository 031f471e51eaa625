using System.Reflection;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Where every transformer puts its columns, also among columns of the same names.</summary>
public abstract partial class EstimatorConformity<TTransformer>
{
    [Fact]
    public void An_output_column_whose_name_is_taken_hides_the_other_and_has_its_own_values()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer first = Trained;
        using TTransformer second = CreateEstimator(ml, options => options.Seed = 77).Fit(data);
        string[] outputs = OutputsOf(first, data);

        // Each of the first model's outputs is followed by a column of its type.
        IDataView taken = first.Transform(data);
        foreach (string output in outputs)
            taken = ml.Transforms.CopyColumns($"After{output}", output).Fit(taken).Transform(taken);
        IDataView both = second.Transform(taken);

        Dictionary<string, List<object?>> expected = Columns(second.Transform(data));
        Dictionary<string, List<object?>> earlier = Columns(first.Transform(data));
        Dictionary<string, List<object?>> found = Columns(both);
        foreach (string output in outputs)
        {
            AssertSame(expected[output], found[output]);
            AssertSame(earlier[output], found[$"After{output}"]);
            AssertSame(earlier[output], Column(both, both.Schema.First(c => c.Name == output)));
            AssertSame(found[output], Column(both, both.Schema[output]));
        }

        foreach (DataViewSchema.Column column in data.Schema)
            AssertSame(expected[column.Name], found[column.Name]);
        AssertSingleRowsEqual(second, taken);
    }

    [Fact]
    public void An_output_column_may_have_the_name_of_the_input_column()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer plain = Trained;
        string output = OutputsOf(plain, data)[0];
        IEstimator<TTransformer> estimator = CreateEstimator(ml, options => NameOf(options, output).SetValue(options, InputColumn));
        using TTransformer model = estimator.Fit(data);

        Assert.Equal(Describe(estimator.GetOutputSchema(ShapeOf(data.Schema))), Describe(ShapeOf(model.GetOutputSchema(data.Schema))));
        Dictionary<string, List<object?>> expected = Columns(plain.Transform(data));
        Dictionary<string, List<object?>> found = Columns(model.Transform(data));
        AssertSame(expected[output], found[InputColumn]);
        Assert.Equal(expected.Keys.Where(name => name != output).Order(), found.Keys.Order());
        AssertSingleRowsEqual(model, data);

        static PropertyInfo NameOf(TrainingOptions options, string output) =>
            options.GetType().GetProperties()
                .Single(p => p.Name.EndsWith("ColumnName", StringComparison.Ordinal) && Equals(p.GetValue(options), output));
    }

    private static string[] OutputsOf(TTransformer model, IDataView data) =>
        [.. model.GetOutputSchema(data.Schema).Skip(data.Schema.Count).Select(c => c.Name)];

    // The visible columns.
    private static Dictionary<string, List<object?>> Columns(IDataView data) =>
        data.Schema.Where(c => !c.IsHidden).ToDictionary(c => c.Name, c => Column(data, c));

    private static List<object?> Column(IDataView data, DataViewSchema.Column column)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        return [.. Rows.Read(cursor).Select(row => row[0])];
    }

    private void AssertSame(List<object?> expected, List<object?> actual) =>
        Rows.AssertEqual([.. expected.Select(value => new[] { value })], [.. actual.Select(value => new[] { value })], Tolerance);

    // What a prediction engine does.
    private void AssertSingleRowsEqual(TTransformer model, IDataView data)
    {
        using DataViewRowCursor cursor = data.GetRowCursor(data.Schema);
        IRowToRowMapper mapper = model.GetRowToRowMapper(data.Schema);
        DataViewRow single = mapper.GetRow(cursor, mapper.OutputSchema);
        foreach (object?[] expected in Rows.Read(model.Transform(data)))
        {
            Assert.True(cursor.MoveNext());
            Rows.AssertEqual(expected, Rows.ReadOne(single), Tolerance);
        }
    }
}
