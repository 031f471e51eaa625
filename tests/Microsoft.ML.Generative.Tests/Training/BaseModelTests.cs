using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What each family takes from a base model, and what it refuses.</summary>
public sealed class BaseModelTests
{
    private static readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_variational_autoencoder_has_the_network_of_its_base()
    {
        IDataView data = TinyImages.AsVectors(_ml, 8);
        var catalog = _ml.Transforms.Generative();
        using VaeTransformer first = catalog.Vae(new VaeOptions
        {
            InputColumnName = "Pixels",
            LatentSize = 3,
            HiddenSizes = [8, 4],
            Likelihood = VaeLikelihood.Gaussian,
            LabelColumnName = "Number",
            LabelCount = 40,
            MaxSteps = 1,
        }).Fit(data);
        VaeOptions Options() => new() { InputColumnName = "Pixels", LabelColumnName = "Number", BaseModel = first, MaxSteps = 1 };
        using VaeTransformer tuned = catalog.Vae(Options()).Fit(data);
        Assert.Equal((3, 40), (tuned.LatentSize, tuned.LabelCount));
        Assert.Equal(first.Definition.Architecture.HiddenSizes, tuned.Definition.Architecture.HiddenSizes);
        Assert.Equal(VaeLikelihood.Gaussian, tuned.Definition.Architecture.Likelihood);

        Refused("LatentSize is 5, but the base model has 3", () => catalog.Vae(Options().With(o => ((VaeOptions)o).LatentSize = 5)));
        Refused(
            "HiddenSizes is [8], but the base model has [8, 4]", () => catalog.Vae(Options().With(o => ((VaeOptions)o).HiddenSizes = [8])));
        Refused("Likelihood is DiscretizedLogistic, but the base model has Gaussian", () =>
            catalog.Vae(Options().With(o => ((VaeOptions)o).Likelihood = VaeLikelihood.DiscretizedLogistic)));
        Refused("LabelColumnName is not set, but the base model is conditioned on 40 classes", () =>
            catalog.Vae(Options().With(o => ((VaeOptions)o).LabelColumnName = null)));
        Refused("LabelCount is 41, but the base model has 40", () => catalog.Vae(Options().With(o => ((VaeOptions)o).LabelCount = 41)));
    }

    [Fact]
    public void Rows_of_another_size_than_the_base_models_are_refused()
    {
        using VaeTransformer first = _ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Pixels", LatentSize = 2, HiddenSizes = [4], MaxSteps = 1 }).Fit(
                TinyImages.AsVectors(_ml, 8));
        IDataView rows = _ml.Data.LoadFromEnumerable(GanRows.Ring(8));
        string message = Refused("'Features'", () =>
            _ml.Transforms.Generative().Vae(new VaeOptions { InputColumnName = "Features", BaseModel = first }).Fit(rows));
        Assert.Contains("6", message);
        Assert.Contains("2 values", message);

        using VaeTransformer vectors = _ml.Transforms.Generative().Vae(
            new VaeOptions
            {
                InputColumnName = "Features",
                Likelihood = VaeLikelihood.Gaussian,
                LatentSize = 1,
                HiddenSizes = [4],
                MaxSteps = 1,
            }).Fit(rows);
        Refused("Column 'Pixels' holds images of", () => _ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Pixels", BaseModel = vectors }).Fit(TinyImages.AsVectors(_ml, 8)));
    }

    [Fact]
    public void A_GAN_has_the_generator_of_its_base()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(GanRows.Ring(16));
        var catalog = _ml.Transforms.Generative();
        using GanTransformer first = catalog.Gan(
            new GanOptions { InputColumnName = "Features", LatentSize = 3, HiddenSizes = [8], MaxSteps = 1 }).Fit(rows);
        GanOptions Options() => new() { InputColumnName = "Features", BaseModel = first, MaxSteps = 1 };
        using GanTransformer tuned = catalog.Gan(Options()).Fit(rows);
        Assert.Equal(3, tuned.LatentSize);
        Refused("LatentSize is 4, but the base model has 3", () => catalog.Gan(Options().With(o => ((GanOptions)o).LatentSize = 4)));
        Refused("Network is Dcgan, but the base model has Mlp", () =>
            catalog.Gan(Options().With(o => ((GanOptions)o).Network = GanNetworkKind.Dcgan)));
        Refused("LabelColumnName is 'Label', but the base model is not conditioned on classes", () =>
            catalog.Gan(Options().With(o => ((GanOptions)o).LabelColumnName = "Label")));
    }

    [Fact]
    public void A_diffusion_model_has_the_network_and_the_process_of_its_base()
    {
        IDataView data = TinyImages.AsVectors(_ml, 8);
        var catalog = _ml.Transforms.Generative();
        DiffusionOptions firstOptions = TinyDiffusion.Options();
        (firstOptions.MaxSteps, firstOptions.Prediction, firstOptions.LabelColumnName, firstOptions.LabelCount, firstOptions.LabelDropout) =
            (1, Schedulers.PredictionType.Velocity, "Number", 40, 0);
        using DiffusionTransformer first = catalog.Diffusion(firstOptions).Fit(data);
        DiffusionOptions Options() =>
            new() { InputColumnName = "Pixels", LabelColumnName = "Number", BaseModel = first, MaxSteps = 1, BatchSize = 8 };
        using DiffusionTransformer tuned = catalog.Diffusion(Options()).Fit(data);
        Assert.Equal(first.Definition.Architecture.UNet!.BlockOutChannels, tuned.Definition.Architecture.UNet!.BlockOutChannels);
        Assert.Equal(Schedulers.PredictionType.Velocity, tuned.Definition.Architecture.Prediction);
        Assert.False(tuned.Definition.Architecture.HasNullLabel);
        Refused("BlockChannels is [4, 4], but the base model has [4, 8]", () =>
            catalog.Diffusion(Options().With(o => ((DiffusionOptions)o).BlockChannels = [4, 4])));
        Refused("Prediction is Sample, but the base model has Velocity", () =>
            catalog.Diffusion(Options().With(o => ((DiffusionOptions)o).Prediction = Schedulers.PredictionType.Sample)));
        Refused("LabelDropout is 0.2, but the base model has 0", () =>
            catalog.Diffusion(Options().With(o => ((DiffusionOptions)o).LabelDropout = 0.2)));
        Refused("LowResolutionColumnName is 'Small', but the base model is not conditioned on images",
            () => catalog.Diffusion(Options().With(o => ((DiffusionOptions)o).LowResolutionColumnName = "Small")));
    }

    [Fact]
    public void A_VQ_VAE_whose_autoencoder_is_frozen_trains_its_prior_on_the_same_codes()
    {
        IDataView data = TinyImages.AsImages(_ml, 8);
        var catalog = _ml.Transforms.Generative();
        VqVaeOptions options = TinyVqVae.Options();
        (options.InputColumnName, options.MaxSteps, options.PriorMaxSteps) = ("Image", 2, 2);
        using VqVaeTransformer first = catalog.VqVae(options).Fit(data);
        var reports = new Reports();
        VqVaeOptions Options() =>
            new() { InputColumnName = "Image", BaseModel = first, PriorMaxSteps = 3, MaxSteps = 5, Progress = reports };
        using VqVaeTransformer tuned = catalog.VqVae(Options().With(o => o.FrozenParameters = ["autoencoder.*"])).Fit(data);
        Assert.Equal([1, 2, 3], reports.All.Select(r => r.Step));
        Assert.Equal(Column(first, data, "Codes"), Column(tuned, data, "Codes"));
        Assert.NotEqual(Column(first, data, "NegativeLogPrior"), Column(tuned, data, "NegativeLogPrior"));

        reports.All.Clear();
        using VqVaeTransformer coded = catalog.VqVae(Options().With(o => o.FrozenParameters = ["prior.*"])).Fit(data);
        Assert.Equal([1, 2, 3, 4, 5], reports.All.Select(r => r.Step));
        Refused(
            "CodebookSize is 8, but the base model has 6", () => catalog.VqVae(Options().With(o => ((VqVaeOptions)o).CodebookSize = 8)));
    }

    [Fact]
    public void A_classifier_has_the_network_and_the_classes_of_its_base()
    {
        IDataView data = LabeledImages.WithTextKeys(_ml, 16);
        var catalog = _ml.Transforms.Generative();
        using ImageClassifierTransformer first = catalog.ImageClassifier(
            new ImageClassifierOptions { LabelColumnName = "Side", InputColumnName = "Pixels", BaseChannels = 4, Stages = 2, MaxSteps = 1 })
            .Fit(data);
        ImageClassifierOptions Options() => new() { LabelColumnName = "Side", InputColumnName = "Pixels", BaseModel = first, MaxSteps = 1 };
        using ImageClassifierTransformer tuned = catalog.ImageClassifier(Options()).Fit(data);
        Assert.Equal((2, 8), (tuned.ClassCount, tuned.FeatureSize));
        Refused("Stages is 4, but the base model has 2", () =>
            catalog.ImageClassifier(Options().With(o => ((ImageClassifierOptions)o).Stages = 4)));
        IDataView others = LabeledImages.WithKeys(_ml, 16, i => i % 2 == 0 ? "left" : "top");
        Refused("'left', 'right': 'top' is none of them", () => catalog.ImageClassifier(Options()).Fit(others));

        // Keys in another order are the same classes.
        using ImageClassifierTransformer reversed = catalog.ImageClassifier(Options()).Fit(
            LabeledImages.WithKeys(_ml, 16, i => i % 2 == 0 ? "right" : "left"));
        Assert.Equal(first.ClassNames, reversed.ClassNames);
    }

    [Fact]
    public void A_flow_has_the_network_and_the_standardization_of_its_base()
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(GanRows.Ring(16));
        var catalog = _ml.Transforms.Generative();
        using FlowTransformer first = catalog.Flow(new FlowOptions { CouplingLayers = 2, HiddenSizes = [8], MaxSteps = 1 }).Fit(rows);
        FlowOptions Options() => new() { BaseModel = first, MaxSteps = 1, LearningRate = 1e-30 };

        // The values of other rows are in the unit of the base model's: the same row has the same density.
        using FlowTransformer tuned = catalog.Flow(Options()).Fit(_ml.Data.TakeRows(rows, 4));
        Assert.Equal(2, tuned.Architecture.CouplingLayers);
        float[] row = [0.5f, -0.25f];
        Assert.Equal(first.LogDensity(row), tuned.LogDensity(row));

        Refused(
            "CouplingLayers is 3, but the base model has 2", () => catalog.Flow(Options().With(o => ((FlowOptions)o).CouplingLayers = 3)));
        Refused(
            "HiddenSizes is [4], but the base model has [8]", () => catalog.Flow(Options().With(o => ((FlowOptions)o).HiddenSizes = [4])));
        Refused("Dequantize is True, but the base model has False", () =>
            catalog.Flow(Options().With(o => ((FlowOptions)o).Dequantize = true)));
        Refused("LabelColumnName is 'Label', but the base model is not conditioned on classes",
            () => catalog.Flow(Options().With(o => ((FlowOptions)o).LabelColumnName = "Label")));
        IDataView images = TinyImages.AsVectors(_ml, 8);
        Refused("Column 'Pixels' holds images of", () =>
            catalog.Flow(new FlowOptions { InputColumnName = "Pixels", BaseModel = first }).Fit(images));
    }

    [Fact]
    public void A_language_model_refuses_another_architecture_by_name()
    {
        using LanguageModelTransformer first = _ml.Transforms.Generative().LanguageModel(
            new LanguageModelOptions { Layers = 2, Heads = 2, EmbeddingSize = 8, ContextLength = 8, MaxSteps = 1 }).Fit(
                _ml.Data.LoadFromEnumerable(new[] { new TextRow { Text = "one two three, one two three" } }));
        LanguageModelOptions options = new() { BaseModel = first, Layers = 5 };
        Refused(
            $"Layers is 5, but the base model has {first.Architecture.Layers}", () => _ml.Transforms.Generative().LanguageModel(options));
    }

    private static string Refused(string message, Action attempt)
    {
        string found = Assert.ThrowsAny<ArgumentException>(attempt).Message;
        Assert.Contains(message, found);
        return found;
    }

    private static List<object?> Column(VqVaeTransformer model, IDataView data, string name)
    {
        IDataView output = model.Transform(data);
        int index = output.Schema[name].Index;
        return [.. Rows.Read(output).Select(row => row[index])];
    }

    private sealed class TextRow
    {
        public string Text { get; set; } = "";
    }
}
