using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class AdapterColumnTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly LanguageModelTransformer _base;
    private readonly LanguageModelTransformer _both;

    public AdapterColumnTests()
    {
        _base = Fit(TinyText.Options());
        using LanguageModelTransformer first = Tune("first", new LoraOptions { Rank = 2 });
        LoraOptions other = new() { Rank = 4, UseDora = true, TargetModules = ["value", "up", "tokens"] };
        using LanguageModelTransformer second = Tune("second", other);
        _both = first.AddAdapter("second", second);
    }

    public void Dispose()
    {
        _base.Dispose();
        _both.Dispose();
    }

    [Fact]
    public void Each_row_is_completed_as_by_its_adapter_alone()
    {
        Row[] rows = [.. Enumerable.Range(0, 17).Select(i => new Row
        {
            Text = TinyText.Sentences[i][..(4 + i % 5)],
            Style = (i % 3) switch { 0 => "first", 1 => "", _ => "second" },
        })];
        using LanguageModelTransformer model = _both.WithAdapterColumn("Style");
        Assert.Equal(("Style", null), (model.AdapterColumnName, _both.AdapterColumnName));
        string[] found = Texts(model, rows);
        var alone = new Dictionary<string, string[]>();
        foreach (string name in (string[])["first", "second", ""])
        {
            using LanguageModelTransformer one = _both.WithAdapter(name.Length == 0 ? null : name);
            alone.Add(name, Texts(one, rows));
        }

        Assert.Equal(rows.Select((row, i) => alone[row.Style][i]), found);
        Assert.NotEqual(alone["first"], alone[""]);
        Assert.NotEqual(alone["first"], alone["second"]);

        // Also from a file, and in any order.
        using var folder = new TemporaryFolder();
        _ml.Model.Save(model, View(rows).Schema, folder.File("model.zip"));
        using var loaded = (LanguageModelTransformer)_ml.Model.Load(folder.File("model.zip"), out _);
        Assert.Equal("Style", loaded.AdapterColumnName);
        Assert.Equal(found.Reverse(), Texts(loaded, [.. rows.Reverse()]));

        // A choice of one adapter for all rows, and a model without adapters.
        using LanguageModelTransformer all = model.WithAdapterColumn(null), merged = model.Merge();
        Assert.Equal(alone["second"], Texts(all, rows));
        Assert.Null(merged.AdapterColumnName);
        Assert.Equal(alone["second"], Texts(merged, rows));
    }

    [Fact]
    public void A_name_that_the_model_does_not_have_is_named_with_its_row()
    {
        using LanguageModelTransformer model = _both.WithAdapterColumn("Style");
        Row[] rows = [new() { Text = "the", Style = "first" }, new() { Text = "the", Style = "third" }];
        string message = Assert.Throws<InvalidDataException>(() => Texts(model, rows)).Message;
        Assert.Contains("Column 'Style', row 1: The model has no adapter 'third'; it has 'first', 'second'.", message);
        IDataView without = _ml.Data.LoadFromEnumerable([new { Text = "the" }]);
        Assert.Contains("'Style'", Assert.ThrowsAny<Exception>(() => model.Transform(without)).Message);
        Assert.ThrowsAny<ArgumentException>(() => _both.WithAdapterColumn(""));
    }

    private LanguageModelTransformer Tune(string name, LoraOptions lora)
    {
        lora.Name = name;
        LanguageModelOptions options = TinyText.Options();
        (options.Architecture, options.BaseModel, options.Adapter) = (LanguageModelArchitecture.GptNano, _base, lora);
        (options.Epochs, options.LearningRate) = (6, 0.05);
        return Fit(options);
    }

    private LanguageModelTransformer Fit(LanguageModelOptions options) =>
        _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));

    private IDataView View(Row[] rows) => _ml.Data.LoadFromEnumerable(rows);

    private string[] Texts(LanguageModelTransformer model, Row[] rows) => [.. model.Transform(View(rows)).GetColumn<string>("Completion")];

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Style { get; set; } = "";
    }
}
