using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A key means its value, whatever its number, to a classifier of texts too.</summary>
public sealed class TextClassNameTests
{
    private static readonly string[] _trained = ["fish", "hat", "corn"];
    private static readonly string[] _permuted = ["corn", "fish", "hat"];

    private static readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Validation_data_and_a_base_model_are_matched_by_name()
    {
        (double expected, TextClassificationTransformer model) = Train(Keys(_trained), Keys(_trained));
        (double found, TextClassificationTransformer other) = Train(Keys(_trained), Keys(_permuted));
        using (model)
        using (other)
        {
            Assert.Equal(expected, found);
            // Another order than the base model's: it continues at the loss where that ended.
            (double continued, TextClassificationTransformer further) = Train(Keys(_permuted), Keys(_trained), model);
            using (further)
            {
                Assert.Equal(expected, continued, 5);
                Assert.Equal(_trained, ClassesOf(further, Keys(_permuted)));
            }

            Assert.Equal(_trained, ClassesOf(model, Keys(_permuted)));
        }

        string message = Assert.ThrowsAny<ArgumentException>(() => Train(Keys(_trained), Keys([.. _permuted, "bread"]))).Message;
        Assert.StartsWith("ValidationData cannot be used. ", message);
        Assert.Contains("'corn', 'fish', 'hat', 'bread'", message);
        Assert.Contains("'fish', 'hat', 'corn'", message);
    }

    // The validation loss, and the model.
    private static (double Loss, TextClassificationTransformer Model) Train(
        IDataView data, IDataView validation, TextClassificationTransformer? model = null)
    {
        var reports = new Reports();
        TextClassificationOptions options = new TextClassificationOptions { Sentence1ColumnName = "Text" }.Tiny();
        (options.BaseModel, options.ValidationData, options.Progress, options.Seed) = (model, validation, reports, 3);
        if (model is not null)
            (options.MaxSteps, options.LearningRate) = (1, 1e-12);
        TextClassificationTransformer trained = _ml.Transforms.Generative().TextClassification(options.Based()).Fit(data);
        return (reports.All[^1].ValidationLoss!.Value, trained);
    }

    private static string[] ClassesOf(TextClassificationTransformer model, IDataView data)
    {
        VBuffer<ReadOnlyMemory<char>> names = default;
        model.Transform(data).Schema["PredictedLabel"].GetKeyValues(ref names);
        return [.. names.DenseValues().Select(name => name.ToString())];
    }

    private static IDataView Keys(string[] order)
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(
            TinyText.Sentences.Select(text => new Row { Text = text, Kind = _trained.Single(kind => text.Contains(kind)) }));
        IDataView keys = _ml.Data.LoadFromEnumerable(order.Select(kind => new Row { Kind = kind }));
        keys = _ml.Transforms.SelectColumns("Kind").Fit(keys).Transform(keys);
        return _ml.Transforms.Conversion.MapValueToKey("Label", "Kind", keyData: keys).Fit(rows).Transform(rows);
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Kind { get; set; } = "";
    }
}
