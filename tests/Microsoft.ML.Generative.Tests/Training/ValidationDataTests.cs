using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What is said of validation data that the training cannot use.</summary>
public sealed class ValidationDataTests
{
    private readonly MLContext _ml = new(seed: 1);

    private IDataView Rows =>
        _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Row { Length = i / 8f, Weight = i % 2 }).ToArray());

    [Theory]
    [InlineData("vae")]
    [InlineData("gan")]
    [InlineData("flow")]
    public void Validation_data_that_a_pipeline_has_not_transformed_is_named(string family)
    {
        IDataView raw = Rows;
        IEstimator<ITransformer> model = Model(family, raw);
        string message = Assert.Throws<ArgumentException>(() =>
            _ml.Transforms.Concatenate("Features", "Length", "Weight").Append(model).Fit(raw)).Message;
        Assert.StartsWith("ValidationData cannot be used. Column 'Features' is missing. The data has: Length, Weight.", message);
        Assert.Contains("In a pipeline, transform it by the steps before the model first", message);

        // As it is done right.
        var steps = _ml.Transforms.Concatenate("Features", "Length", "Weight").Fit(raw);
        ITransformer trained = Model(family, steps.Transform(raw)).Fit(steps.Transform(raw));
        (trained as IDisposable)?.Dispose();
    }

    [Fact]
    public void Rows_of_validation_data_are_named_as_such()
    {
        var steps = _ml.Transforms.Concatenate("Features", "Length", "Weight").Fit(Rows);
        IDataView wrong = steps.Transform(_ml.Data.LoadFromEnumerable([new Row(), new Row { Weight = float.NaN }]));
        string message = Assert.Throws<InvalidDataException>(() => Model("vae", wrong).Fit(steps.Transform(Rows))).Message;
        Assert.StartsWith("ValidationData cannot be used. Column 'Features', row 1: value 1 is NaN", message);
        IDataView none = _ml.Data.SkipRows(steps.Transform(Rows), 100);
        Assert.StartsWith("ValidationData cannot be used. The data is empty", Assert.Throws<ArgumentException>(() =>
            Model("vae", none).Fit(steps.Transform(Rows))).Message);
    }

    private IEstimator<ITransformer> Model(string family, IDataView validation)
    {
        GenerativeTransformsCatalog catalog = _ml.Transforms.Generative();
        void Configure(TrainingOptions o) => (o.ValidationData, o.MaxSteps) = (validation, 2);
        return family switch
        {
            "vae" => catalog.Vae(new VaeOptions { InputColumnName = "Features", HiddenSizes = [4], LatentSize = 2 }.With(Configure)),
            "gan" => catalog.Gan(new GanOptions { InputColumnName = "Features", HiddenSizes = [4], LatentSize = 2 }.With(Configure)),
            _ => catalog.Flow(new FlowOptions { CouplingLayers = 2, HiddenSizes = [4] }.With(Configure)),
        };
    }

    private sealed class Row
    {
        public float Length { get; set; }

        public float Weight { get; set; }
    }
}
