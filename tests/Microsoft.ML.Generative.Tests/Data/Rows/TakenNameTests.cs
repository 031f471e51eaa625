using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Output columns whose names the data has already, as users meet them.</summary>
public sealed class TakenNameTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void An_evaluation_reads_the_columns_of_the_model_that_transformed_last()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 12).Select(i => new Row
        {
            Image = [.. Enumerable.Range(0, 8).Select(p => (p + i) % 8 / 8f)],
            NegativeElbo = 2,
            ReconstructionError = 1,
            Last = 7,
        }).ToArray());
        using VaeTransformer model = _ml.Transforms.Generative()
            .Vae(new VaeOptions { HiddenSizes = [8], LatentSize = 2, MaxSteps = 3, Seed = 1 }).Fit(rows);
        IDataView plain = _ml.Transforms.SelectColumns("Image").Fit(rows).Transform(rows);

        VaeMetrics expected = _ml.Generative().EvaluateVae(model.Transform(plain));
        Assert.NotEqual(2, expected.NegativeElbo, 0.5);
        VaeMetrics found = _ml.Generative().EvaluateVae(model.Transform(rows));
        Assert.Equal((expected.NegativeElbo, expected.ReconstructionError), (found.NegativeElbo, found.ReconstructionError));
        Assert.All(model.Transform(rows).GetColumn<float>("Last"), last => Assert.Equal(7, last));

        float[] transformed = [.. model.Transform(plain).GetColumn<float>("NegativeElbo")];
        using var engine = _ml.Model.CreatePredictionEngine<Row, Score>(model, new PredictionEngineOptions { OwnsTransformer = false });
        Row[] all = [.. _ml.Data.CreateEnumerable<Row>(rows, reuseRowObject: false)];
        for (int i = 0; i < all.Length; i++)
        {
            Score score = engine.Predict(all[i]);
            Assert.Equal(transformed[i], score.NegativeElbo, 1e-3f);
            Assert.Equal(7, score.Last);
        }
    }

    [Fact]
    public void A_completion_takes_the_place_of_a_column_of_its_name_alone()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 4).Select(i => new TextRow
        {
            Text = $"abc {i}",
            Completion = "old",
            Author = $"author {i}",
            Last = $"last {i}",
        }).ToArray());
        var options = new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.GptNano with { ContextLength = 8, Layers = 1, Heads = 1, EmbeddingSize = 4 },
            MaxSteps = 2,
            Seed = 1,
        };
        using LanguageModelTransformer model = _ml.Transforms.Generative().LanguageModel(options).Fit(rows);
        IDataView plain = _ml.Transforms.SelectColumns("Text").Fit(rows).Transform(rows);
        string[] expected = [.. model.Transform(plain).GetColumn<string>("Completion")];

        IDataView output = model.Transform(rows);
        Assert.Equal(expected, output.GetColumn<string>("Completion"));
        Assert.Equal(["author 0", "author 1", "author 2", "author 3"], output.GetColumn<string>("Author"));
        Assert.Equal(["last 0", "last 1", "last 2", "last 3"], output.GetColumn<string>("Last"));
    }

    private sealed class Row
    {
        [VectorType(8)]
        public float[] Image { get; set; } = [];

        public float NegativeElbo { get; set; }

        public float ReconstructionError { get; set; }

        public float Last { get; set; }
    }

    private sealed class Score
    {
        public float NegativeElbo { get; set; }

        public float Last { get; set; }
    }

    private sealed class TextRow
    {
        public string Text { get; set; } = "";

        public string Completion { get; set; } = "";

        public string Author { get; set; } = "";

        public string Last { get; set; } = "";
    }
}
