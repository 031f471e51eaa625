using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Metrics of models whose weights are no numbers are refused, and do not stand in a report as NaN.</summary>
public sealed class UndefinedMetricsTests
{
    private const string Expected = "has the value NaN; expected finite numbers";

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_flow_has_no_density()
    {
        IDataView rows = Rows();
        using FlowTransformer model = _ml.Transforms.Generative().Flow(
            new FlowOptions { HiddenSizes = [4], CouplingLayers = 2, MaxSteps = 1 }).Fit(rows);
        AssertRefused(model, () => _ml.Generative().EvaluateFlow(model, rows));
    }

    [Fact]
    public void A_variational_autoencoder_has_no_likelihood()
    {
        IDataView rows = Rows();
        using VaeTransformer model = _ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Features", HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 }).Fit(rows);
        AssertRefused(model, () => _ml.Generative().EvaluateVaeLikelihood(model, rows, importanceSamples: 2));
    }

    [Fact]
    public void Columns_of_a_variational_autoencoder_are_named_with_the_row()
    {
        Score[] scores = [new() { NegativeElbo = 3, ReconstructionError = 2 }, new() { NegativeElbo = 3, ReconstructionError = float.NaN }];
        IDataView rows = _ml.Data.LoadFromEnumerable(scores);
        string message = Assert.Throws<InvalidDataException>(() => _ml.Generative().EvaluateVae(rows)).Message;
        Assert.Contains("Column 'ReconstructionError', row 1: the value is NaN; expected a finite number", message);
    }

    [Fact]
    public void A_diffusion_model_has_no_loss()
    {
        IDataView rows = Images();
        using DiffusionTransformer model = _ml.Transforms.Generative()
            .Diffusion(TinyDiffusion.Options().With(o => o.MaxSteps = 1)).Fit(rows);
        AssertRefused(model, () => _ml.Generative().EvaluateDiffusion(model, rows, timesteps: 4));
    }

    [Fact]
    public void A_language_model_has_neither_perplexity_nor_attention()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(new[] { new Text { Value = "abc cab" } });
        using LanguageModelTransformer model = _ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            InputColumnName = "Value",
            ContextLength = 8,
            Layers = 1,
            Heads = 1,
            EmbeddingSize = 4,
            MaxSteps = 1,
        }).Fit(rows);
        AssertRefused(model, () => _ml.Generative().EvaluateLanguageModel(model, rows, "Value"));
        AssertRefused(model, () => model.Attention("abc"));
    }

    private static void AssertRefused(ITransformer model, Action call)
    {
        foreach (torch.Tensor parameter in ((IBaseModel)model).Network.parameters())
            torch.nn.init.constant_(parameter, double.NaN);
        Assert.Contains(Expected, Assert.Throws<InvalidOperationException>(call).Message);
    }

    private IDataView Rows() => _ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, 8).Select(i => new Row { Features = [0.1f * i, 1 - 0.1f * i] }).ToArray());

    private IDataView Images() => _ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, 8).Select(i => new Image { Pixels = [.. Enumerable.Range(0, 64).Select(p => (p + i) % 8 / 8f)] }).ToArray());

    private sealed class Row
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Image
    {
        [VectorType(1, 8, 8)]
        public float[] Pixels { get; set; } = [];
    }

    private sealed class Score
    {
        public float NegativeElbo { get; set; }

        public float ReconstructionError { get; set; }
    }

    private sealed class Text
    {
        public string Value { get; set; } = "";
    }
}
