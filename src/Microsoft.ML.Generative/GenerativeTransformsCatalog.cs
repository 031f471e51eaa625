using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Generative.Music;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>The generative models as estimators: what <c>mlContext.Transforms.Generative()</c> offers.</summary>
/// <remarks>
/// Each model can be created in three ways: with the column to learn alone, as ML.NET's trainers are, where the columns that it adds have
/// their default names; as ML.NET's transforms are, with the output column first and the input column second; and with an object of all its
/// options. The image classifier has the order of ML.NET's trainers, whose first column is the label.
/// </remarks>
[SuppressMessage(
    "ApiDesign", "RS0026:Do not add multiple overloads with optional parameters",
    Justification = "The second of two strings, the input column, is required in the one and impossible in the other.")]
public sealed class GenerativeTransformsCatalog
{
    private readonly IHostEnvironment _env;

    internal GenerativeTransformsCatalog(IHostEnvironment env)
    {
        _env = env;
    }

    /// <summary>A variational autoencoder: compresses rows, scores how usual they are, and generates new ones.</summary>
    /// <param name="inputColumnName">
    /// The column to learn: images of one size, or a known-size vector of Single or Byte with values in 0..1.
    /// </param>
    /// <param name="latentSize">Dimensions of the latent space; 2 to plot it, 10 to 50 for good images.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="VaeOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(digits);
    /// IDataView images = model.Generate(64);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public VaeEstimator Vae(
        string inputColumnName = VaeOptions.Defaults.InputColumnName,
        int latentSize = VaeOptions.Defaults.LatentSize,
        int? epochs = null) =>
        Vae(VaeOptions.Defaults.LatentColumnName, inputColumnName, latentSize, epochs);

    /// <summary>A variational autoencoder as a transform, which adds a column of latent means.</summary>
    /// <param name="outputColumnName">
    /// The column of latent means, <see cref="VaeOptions.LatentColumnName"/>; the other columns that the model adds have their default
    /// names.
    /// </param>
    /// <param name="inputColumnName">
    /// The column to learn, as in <see cref="Vae(string, int, int?)"/>; <see langword="null"/>:
    /// <paramref name="outputColumnName"/>.
    /// </param>
    /// <param name="latentSize">Dimensions of the latent space.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="VaeOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// var pipeline = mlContext.Transforms.Generative().Vae("Features", "Image", latentSize: 8)
    ///     .Append(mlContext.MulticlassClassification.Trainers.SdcaMaximumEntropy());
    /// ITransformer model = pipeline.Fit(digits);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public VaeEstimator Vae(
        string outputColumnName, string? inputColumnName, int latentSize = VaeOptions.Defaults.LatentSize, int? epochs = null)
    {
        var options = new VaeOptions
        {
            LatentColumnName = outputColumnName,
            InputColumnName = inputColumnName ?? outputColumnName,
            LatentSize = latentSize,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return Vae(options);
    }

    /// <summary>A variational autoencoder with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="VaeOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public VaeEstimator Vae(VaeOptions options) => new(_env, options);

    /// <summary>
    /// A vector-quantized autoencoder: turns images into small grids of codes, and generates new images by sampling codes.
    /// </summary>
    /// <param name="inputColumnName">
    /// The column to learn: images of one size, or a known-size vector of Single or Byte with values in 0..1 and an image's shape.
    /// </param>
    /// <param name="codebookSize">How many codes there are to choose from.</param>
    /// <param name="epochs">The autoencoder's passes over the data. Default: that of <see cref="VqVaeOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// VqVaeTransformer model = mlContext.Transforms.Generative().VqVae("Image").Fit(digits);
    /// IDataView images = model.Generate(64);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public VqVaeEstimator VqVae(
        string inputColumnName = VqVaeOptions.Defaults.InputColumnName,
        int codebookSize = VqVaeOptions.Defaults.CodebookSize,
        int? epochs = null) =>
        VqVae(VqVaeOptions.Defaults.CodesColumnName, inputColumnName, codebookSize, epochs);

    /// <summary>A vector-quantized autoencoder as a transform, which adds a column of codes.</summary>
    /// <param name="outputColumnName">
    /// The column of codes, <see cref="VqVaeOptions.CodesColumnName"/>; the other columns that the model adds have their default names.
    /// </param>
    /// <param name="inputColumnName">
    /// The column to learn, as in <see cref="VqVae(string, int, int?)"/>; <see langword="null"/>:
    /// <paramref name="outputColumnName"/>.
    /// </param>
    /// <param name="codebookSize">How many codes there are to choose from.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="VqVaeOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// IDataView codes = mlContext.Transforms.Generative().VqVae("Codes", "Image").Fit(digits).Transform(digits);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public VqVaeEstimator VqVae(
        string outputColumnName, string? inputColumnName, int codebookSize = VqVaeOptions.Defaults.CodebookSize, int? epochs = null)
    {
        var options = new VqVaeOptions
        {
            CodesColumnName = outputColumnName,
            InputColumnName = inputColumnName ?? outputColumnName,
            CodebookSize = codebookSize,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return VqVae(options);
    }

    /// <summary>A vector-quantized autoencoder with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="VqVaeOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public VqVaeEstimator VqVae(VqVaeOptions options) => new(_env, options);

    /// <summary>A diffusion model: learns to remove noise from images, and generates new ones from noise alone.</summary>
    /// <param name="inputColumnName">
    /// The column to learn: images of one size, or a known-size vector of Single or Byte with values in 0..1 and an image's shape.
    /// </param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="DiffusionOptions.Epochs"/>.</param>
    /// <param name="labelColumnName">A key column of classes to condition on, or none.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", labelColumnName: "Label").Fit(digits);
    /// IDataView sevens = model.Generate(16, new() { Label = 7, GuidanceScale = 2 });
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public DiffusionEstimator Diffusion(
        string inputColumnName = DiffusionOptions.Defaults.InputColumnName, int? epochs = null, string? labelColumnName = null) =>
        Diffusion(DiffusionOptions.Defaults.GeneratedColumnName, inputColumnName, labelColumnName, epochs);

    /// <summary>A diffusion model as a transform, which adds a column of generated images.</summary>
    /// <param name="outputColumnName">
    /// The column of generated images, <see cref="DiffusionOptions.GeneratedColumnName"/>.
    /// </param>
    /// <param name="inputColumnName">
    /// The column to learn, as in <see cref="Diffusion(string, int?, string?)"/>; <see langword="null"/>:
    /// <paramref name="outputColumnName"/>.
    /// </param>
    /// <param name="labelColumnName">A key column of classes to condition on, or none.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="DiffusionOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Generated", "Image", "Label").Fit(digits);
    /// IDataView generated = model.Transform(digits);   // with an image of each row's class in the column Generated
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public DiffusionEstimator Diffusion(
        string outputColumnName, string? inputColumnName, string? labelColumnName = null, int? epochs = null)
    {
        var options = new DiffusionOptions
        {
            GeneratedColumnName = outputColumnName,
            InputColumnName = inputColumnName ?? outputColumnName,
            LabelColumnName = labelColumnName,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return Diffusion(options);
    }

    /// <summary>A diffusion model with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="DiffusionOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DiffusionEstimator Diffusion(DiffusionOptions options) => new(_env, options);

    /// <summary>Trains a diffusion model towards a reward, such as what an image classifier says of its images.</summary>
    /// <param name="baseModel">The trained model to continue from; it stays as it is.</param>
    /// <param name="reward">What images are rewarded for.</param>
    /// <param name="epochs">Roll-outs: generated images with their rewards, from which the model then learns.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image").Fit(digits);
    /// ImageReward ink = ImageReward.FromFunction(image => image.Values.ToArray().Average());
    /// DiffusionTransformer bold = mlContext.Transforms.Generative().DiffusionReward(model, ink).Fit(digits);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range, or the model cannot be trained so.</exception>
    public DiffusionRewardEstimator DiffusionReward(
        DiffusionTransformer baseModel, ImageReward reward, int epochs = DiffusionRewardOptions.Defaults.Epochs) =>
        DiffusionReward(new DiffusionRewardOptions { BaseModel = baseModel, Reward = reward, Epochs = epochs });

    /// <summary>Trains a diffusion model towards a reward, with all options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="DiffusionRewardOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range, or does not fit the base model; the message names it.</exception>
    public DiffusionRewardEstimator DiffusionReward(DiffusionRewardOptions options) => new(_env, options);

    /// <summary>A generative adversarial network: one network learns to generate what another cannot distinguish from real rows.</summary>
    /// <param name="inputColumnName">
    /// The column to learn: images of one size, a known-size vector of Single or Byte with values in 0..1 and an image's shape, or any
    /// known-size vector of Single.
    /// </param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="GanOptions.Epochs"/>.</param>
    /// <param name="labelColumnName">A key column of classes to condition on, or none.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// GanTransformer model = mlContext.Transforms.Generative().Gan("Image", labelColumnName: "Label").Fit(digits);
    /// IDataView sevens = model.Generate(16, new() { Label = 7 });
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public GanEstimator Gan(
        string inputColumnName = GanOptions.Defaults.InputColumnName, int? epochs = null, string? labelColumnName = null) =>
        Gan(GanOptions.Defaults.GeneratedColumnName, inputColumnName, labelColumnName, epochs);

    /// <summary>A generative adversarial network as a transform, which adds a column of generated rows.</summary>
    /// <param name="outputColumnName">
    /// The column of generated rows, <see cref="GanOptions.GeneratedColumnName"/>.
    /// </param>
    /// <param name="inputColumnName">
    /// The column to learn, as in <see cref="Gan(string, int?, string?)"/>; <see langword="null"/>:
    /// <paramref name="outputColumnName"/>.
    /// </param>
    /// <param name="labelColumnName">A key column of classes to condition on, or none.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="GanOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// GanTransformer model = mlContext.Transforms.Generative().Gan("Generated", "Image", "Label").Fit(digits);
    /// IDataView generated = model.Transform(digits);   // with a row of each row's class in the column Generated
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public GanEstimator Gan(
        string outputColumnName, string? inputColumnName, string? labelColumnName = null, int? epochs = null)
    {
        var options = new GanOptions
        {
            GeneratedColumnName = outputColumnName,
            InputColumnName = inputColumnName ?? outputColumnName,
            LabelColumnName = labelColumnName,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return Gan(options);
    }

    /// <summary>A generative adversarial network with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="GanOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range, or two cannot be combined; the message names them.</exception>
    public GanEstimator Gan(GanOptions options) => new(_env, options);

    /// <summary>A normalizing flow: computes the exact density of rows, which finds unusual ones, and generates new rows.</summary>
    /// <param name="inputColumnName">
    /// The column to learn: a known-size vector of Single or Byte, Single, or images of one size. Values need no scaling.
    /// </param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="FlowOptions.Epochs"/>.</param>
    /// <param name="labelColumnName">A key column of classes to condition on, or none.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// // And many more rows.
    /// IDataView parcels = mlContext.Data.LoadFromEnumerable(
    ///     [new { Length = 200f, Weight = 1.9f }, new { Length = 310f, Weight = 3.2f }]);
    /// var pipeline = mlContext.Transforms.Concatenate("Features", "Length", "Weight")
    ///     .Append(mlContext.Transforms.Generative().Flow("Features"));
    /// IDataView scored = pipeline.Fit(parcels).Transform(parcels); // with a column NegativeLogDensity, high for unusual rows
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public FlowEstimator Flow(
        string inputColumnName = FlowOptions.Defaults.InputColumnName, int? epochs = null, string? labelColumnName = null) =>
        Flow(FlowOptions.Defaults.NegativeLogDensityColumnName, inputColumnName, labelColumnName, epochs);

    /// <summary>A normalizing flow as a transform, which adds a column of −log p(x), high for unusual rows.</summary>
    /// <param name="outputColumnName">
    /// The column of densities, <see cref="FlowOptions.NegativeLogDensityColumnName"/>; the other column that the model adds has its
    /// default name.
    /// </param>
    /// <param name="inputColumnName">
    /// The column to learn, as in <see cref="Flow(string, int?, string?)"/>; <see langword="null"/>:
    /// <paramref name="outputColumnName"/>.
    /// </param>
    /// <param name="labelColumnName">A key column of classes to condition on, or none.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="FlowOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// FlowTransformer model = mlContext.Transforms.Generative().Flow("Score", "Image").Fit(digits);
    /// IDataView scored = model.Transform(digits);   // with a column Score, high for unusual rows
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public FlowEstimator Flow(
        string outputColumnName, string? inputColumnName, string? labelColumnName = null, int? epochs = null)
    {
        var options = new FlowOptions
        {
            NegativeLogDensityColumnName = outputColumnName,
            InputColumnName = inputColumnName ?? outputColumnName,
            LabelColumnName = labelColumnName,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return Flow(options);
    }

    /// <summary>A normalizing flow with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="FlowOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public FlowEstimator Flow(FlowOptions options) => new(_env, options);

    /// <summary>An image classifier: learns which class an image is of, and describes images by its features.</summary>
    /// <param name="labelColumnName">
    /// The column with each row's class: a key, or an integer from 0 (which needs <see cref="ImageClassifierOptions.LabelCount"/>).
    /// </param>
    /// <param name="inputColumnName">
    /// The column with the images: images of one size, or a known-size vector of Single in 0..1 or Byte with an image's shape.
    /// </param>
    /// <param name="scoreColumnName">The column of probabilities to add, one for each class.</param>
    /// <param name="predictedLabelColumnName">The column of the most probable class to add.</param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="ImageClassifierOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// var digits = mlContext.Generative().Datasets.Mnist();
    /// ImageClassifierTransformer model = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(digits.TrainSet);
    /// var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(digits.TestSet));
    /// Console.WriteLine($"accuracy {metrics.MicroAccuracy:P2}");
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public ImageClassifierEstimator ImageClassifier(
        string labelColumnName = ImageClassifierOptions.Defaults.LabelColumnName,
        string inputColumnName = ImageClassifierOptions.Defaults.InputColumnName,
        string scoreColumnName = ImageClassifierOptions.Defaults.ScoreColumnName,
        string predictedLabelColumnName = ImageClassifierOptions.Defaults.PredictedLabelColumnName,
        int? epochs = null)
    {
        var options = new ImageClassifierOptions
        {
            LabelColumnName = labelColumnName,
            InputColumnName = inputColumnName,
            ScoreColumnName = scoreColumnName,
            PredictedLabelColumnName = predictedLabelColumnName,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return ImageClassifier(options);
    }

    /// <summary>An image classifier with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="ImageClassifierOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public ImageClassifierEstimator ImageClassifier(ImageClassifierOptions options) => new(_env, options);

    /// <summary>Makes images of vectors, such as those that models generate, for whatever takes images of ML.NET, and for files.</summary>
    /// <param name="outputColumnName">The column of images to add.</param>
    /// <param name="inputColumnName">
    /// The column of vectors of Single in 0..1 or Byte, plane by plane. Default: the output column's name.
    /// </param>
    /// <param name="channels">1 for gray, 3 for red, green and blue, 4 with opacity. Default: what the column's type says, or 1.</param>
    /// <param name="height">Height of the images in pixels. Default: what the column's type says.</param>
    /// <param name="width">Width of the images in pixels. Default: what the column's type says.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(10_000);
    /// var pipeline = mlContext.Transforms.Generative().Vae("Image")
    ///     .Append(mlContext.Transforms.Generative().ToImage("Shown", "Reconstruction"));
    /// IDataView images = pipeline.Fit(digits).Transform(digits); // with a column Shown of MLImage
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public VectorToImageEstimator ToImage(
        string outputColumnName, string? inputColumnName = null, int? channels = null, int? height = null, int? width = null) =>
        new(_env, outputColumnName, inputColumnName ?? outputColumnName, channels, height, width);

    /// <summary>Writes music as words, for language models.</summary>
    /// <param name="outputColumnName">The text column to add.</param>
    /// <param name="inputColumnName">The column of <see cref="NoteSequence"/>.</param>
    /// <param name="tokens">The words; the language model takes their <see cref="MusicTokens.Tokenizer"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// MusicTokens tokens = MusicTokens.PianoRoll();
    /// var pipeline = mlContext.Transforms.Generative().MusicToText("Text", "Music", tokens)
    ///     .Append(mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions { Tokenizer = tokens.Tokenizer }));
    /// var model = pipeline.Fit(mlContext.Generative().Datasets.JsbChorales().TrainSet);
    /// NoteSequence chorale = new MusicComposer(model.LastTransformer).Compose();
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public MusicToTextEstimator MusicToText(string outputColumnName, string inputColumnName, MusicTokens tokens) =>
        new(_env, outputColumnName, inputColumnName, tokens);

    /// <summary>Makes images of the beginnings of pieces of music, for models of images.</summary>
    /// <param name="outputColumnName">The column of vectors to add, planes × pitches × steps.</param>
    /// <param name="inputColumnName">The column of <see cref="NoteSequence"/>.</param>
    /// <param name="roll">What the images are. Default: a plane of four octaves and two bars of sixteenth notes.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// var roll = new PianoRoll { Steps = 32 };
    /// var pipeline = mlContext.Transforms.Generative().MusicToPianoRoll("Image", "Music", roll)
    ///     .Append(mlContext.Transforms.Generative().Diffusion("Image"));
    /// var model = pipeline.Fit(mlContext.Generative().Datasets.JsbChorales().TrainSet);
    /// NoteSequence bars = model.LastTransformer.Compose(roll, count: 1)[0];
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A name is empty, or a value of <paramref name="roll"/> is out of its range.</exception>
    public MusicToPianoRollEstimator MusicToPianoRoll(string outputColumnName, string inputColumnName, PianoRoll? roll = null) =>
        new(_env, outputColumnName, inputColumnName, roll ?? new PianoRoll());

    /// <summary>A language model: learns from texts, completes prompts, writes new texts.</summary>
    /// <param name="inputColumnName">
    /// The text column to learn, a document a row; the prompts where the trained model transforms rows.
    /// </param>
    /// <param name="contextLength">
    /// Tokens that the model sees at once. Default: that of <see cref="LanguageModelOptions.ContextLength"/>.
    /// </param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="LanguageModelOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView text = mlContext.Data.LoadFromEnumerable([new { Text = File.ReadAllText("shakespeare.txt") }]);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel("Text").Fit(text);
    /// Console.WriteLine(model.Generate("ROMEO:"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public LanguageModelEstimator LanguageModel(
        string inputColumnName = LanguageModelOptions.Defaults.InputColumnName,
        int? contextLength = null,
        int? epochs = null) =>
        LanguageModel(LanguageModelOptions.Defaults.OutputColumnName, inputColumnName, contextLength, epochs);

    /// <summary>A language model as a transform, which adds a column of completed prompts.</summary>
    /// <param name="outputColumnName">
    /// The column of completions, <see cref="LanguageModelOptions.OutputColumnName"/>.
    /// </param>
    /// <param name="inputColumnName">
    /// The column to learn, as in <see cref="LanguageModel(string, int?, int?)"/>; <see langword="null"/>:
    /// <paramref name="outputColumnName"/>.
    /// </param>
    /// <param name="contextLength">
    /// Tokens that the model sees at once. Default: that of <see cref="LanguageModelOptions.ContextLength"/>.
    /// </param>
    /// <param name="epochs">Passes over the data. Default: that of <see cref="LanguageModelOptions.Epochs"/>.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView text = mlContext.Data.LoadFromEnumerable([new { Text = File.ReadAllText("shakespeare.txt") }]);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel("Completion", "Text").Fit(text);
    /// IDataView completed = model.Transform(text);   // with a column Completion
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public LanguageModelEstimator LanguageModel(
        string outputColumnName, string? inputColumnName, int? contextLength = null, int? epochs = null)
    {
        var options = new LanguageModelOptions
        {
            OutputColumnName = outputColumnName,
            InputColumnName = inputColumnName ?? outputColumnName,
        };
        if (contextLength is { } length)
            options.ContextLength = length;
        if (epochs is { } given)
            options.Epochs = given;
        return LanguageModel(options);
    }

    /// <summary>A column of vectors that a trained or loaded language model computes of texts, for trainers, or to compare texts.</summary>
    /// <param name="outputColumnName">The column of vectors to add.</param>
    /// <param name="inputColumnName">The text column. If <see langword="null"/>, <paramref name="outputColumnName"/>.</param>
    /// <param name="model">
    /// The language model. The transform, and a file that it is saved to, have the model inside; this one stays as it is, and may be
    /// disposed of after <c>Fit</c>.
    /// </param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// IDataView texts = mlContext.Data.LoadFromEnumerable([new { Text = "a blue car" }, new { Text = "the cat eats" }]);
    /// var pipeline = mlContext.Transforms.Generative().TextEmbedding("Embedding", "Text", model);
    /// IDataView embedded = pipeline.Fit(texts).Transform(texts);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public TextEmbeddingEstimator TextEmbedding(string outputColumnName, string? inputColumnName, LanguageModelTransformer model) =>
        new(_env, outputColumnName, inputColumnName ?? outputColumnName, model);

    /// <summary>A column of vectors that an encoder computes of texts, for trainers, or to compare texts.</summary>
    /// <param name="outputColumnName">The column of vectors to add.</param>
    /// <param name="inputColumnName">The text column. If <see langword="null"/>, <paramref name="outputColumnName"/>.</param>
    /// <param name="encoder">
    /// The encoder. The transform, and a file that it is saved to, have it inside; this one stays as it is, and may be disposed of after
    /// <c>Fit</c>.
    /// </param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
    /// IDataView texts = mlContext.Data.LoadFromEnumerable([new { Text = "a blue car" }, new { Text = "the cat eats" }]);
    /// var pipeline = mlContext.Transforms.Generative().TextEmbedding("Embedding", "Text", encoder);
    /// IDataView embedded = pipeline.Fit(texts).Transform(texts);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public TextEmbeddingEstimator TextEmbedding(string outputColumnName, string? inputColumnName, SentenceEmbeddingTransformer encoder) =>
        new(_env, outputColumnName, inputColumnName ?? outputColumnName, encoder);

    /// <summary>An embedding of texts: learns to bring texts that mean the same near to each other.</summary>
    /// <param name="outputColumnName">The column of vectors to add.</param>
    /// <param name="inputColumnName">The text column.</param>
    /// <param name="pairColumnName">
    /// The text column with what is to be near to each text. If <see langword="null"/>, each text is its own pair, made another by dropout.
    /// </param>
    /// <param name="baseModel">The model that the training begins with. If <see langword="null"/>, random weights.</param>
    /// <param name="epochs">Passes over the data. Default: 3; on a CPU no more than 2,000 steps.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
    /// IDataView pairs = mlContext.Data.LoadFromEnumerable([new { Text = "How tall is it?", Pair = "What is its height?" }]);
    /// var pipeline = mlContext.Transforms.Generative().SentenceEmbedding("Embedding", "Text", "Pair", encoder);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A name is empty, or two are the same.</exception>
    public SentenceEmbeddingEstimator SentenceEmbedding(
        string outputColumnName, string inputColumnName, string? pairColumnName = null, EncoderTransformer? baseModel = null,
        int? epochs = null)
    {
        var options = new SentenceEmbeddingOptions
        {
            OutputColumnName = outputColumnName,
            InputColumnName = inputColumnName,
            PairColumnName = pairColumnName,
            BaseModel = baseModel,
        };
        if (epochs is { } given)
            options.Epochs = given;
        return SentenceEmbedding(options);
    }

    /// <summary>An embedding of texts with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="SentenceEmbeddingOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public SentenceEmbeddingEstimator SentenceEmbedding(SentenceEmbeddingOptions options) => new(_env, options);

    /// <summary>A masked language model: learns to predict tokens of texts from those before and behind them.</summary>
    /// <param name="columnName">The text column; the output column is called Filled.</param>
    /// <param name="epochs">Passes over the data. Default: 10; on a CPU no more than 2,000 steps.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView texts = mlContext.Data.LoadFromEnumerable(File.ReadLines("book.txt").Select(line => new { Text = line }));
    /// MaskedLanguageModelTransformer model = mlContext.Transforms.Generative().MaskedLanguageModel("Text").Fit(texts);
    /// Console.WriteLine(model.FillMask("It was the best of [MASK].")[0].Text);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">The name is empty, or a number out of its range.</exception>
    public MaskedLanguageModelEstimator MaskedLanguageModel(
        string columnName = MaskedLanguageModelOptions.Defaults.InputColumnName, int? epochs = null)
    {
        var options = new MaskedLanguageModelOptions { InputColumnName = columnName };
        if (epochs is { } given)
            options.Epochs = given;
        return MaskedLanguageModel(options);
    }

    /// <summary>A masked language model with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="MaskedLanguageModelOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public MaskedLanguageModelEstimator MaskedLanguageModel(MaskedLanguageModelOptions options) => new(_env, options);

    /// <summary>A classifier of texts, with the names of columns and arguments of Microsoft.ML.TorchSharp's.</summary>
    /// <param name="labelColumnName">The column of classes, a key, Boolean or whole number from 0.</param>
    /// <param name="sentence1ColumnName">The text column.</param>
    /// <param name="sentence2ColumnName">The text column of second texts, classified together with the first. Default: none.</param>
    /// <param name="scoreColumnName">The column with the probability of each class.</param>
    /// <param name="outputColumnName">The column with the most probable class.</param>
    /// <param name="batchSize">Rows that go through the network at once. Default: 32.</param>
    /// <param name="maxEpochs">Passes over the data. Default: 10; on a CPU no more than 2,000 steps.</param>
    /// <param name="baseModel">The model that the training begins with. If <see langword="null"/>, random weights.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
    /// var pipeline = mlContext.Transforms.Conversion.MapValueToKey("Label")
    ///     .Append(mlContext.Transforms.Generative().TextClassification("Label", "Text", baseModel: encoder))
    ///     .Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">A name is empty or twice there, or a number out of its range.</exception>
    public TextClassificationEstimator TextClassification(
        string labelColumnName = TextClassificationOptions.Defaults.LabelColumnName,
        string sentence1ColumnName = TextClassificationOptions.Defaults.Sentence1ColumnName, string? sentence2ColumnName = null,
        string scoreColumnName = TextClassificationOptions.Defaults.ScoreColumnName,
        string outputColumnName = TextClassificationOptions.Defaults.PredictionColumnName, int? batchSize = null, int? maxEpochs = null,
        EncoderTransformer? baseModel = null)
    {
        var options = new TextClassificationOptions
        {
            LabelColumnName = labelColumnName,
            Sentence1ColumnName = sentence1ColumnName,
            Sentence2ColumnName = sentence2ColumnName,
            ScoreColumnName = scoreColumnName,
            PredictionColumnName = outputColumnName,
            BaseModel = baseModel,
        };
        if (batchSize is { } size)
            options.BatchSize = size;
        if (maxEpochs is { } given)
            options.Epochs = given;
        return TextClassification(options);
    }

    /// <summary>A classifier of texts with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="TextClassificationOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public TextClassificationEstimator TextClassification(TextClassificationOptions options) => new(_env, options);

    /// <summary>A language model with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="LanguageModelOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public LanguageModelEstimator LanguageModel(LanguageModelOptions options) => new(_env, options);

    /// <summary>An encoder–decoder: learns from pairs of texts to write the second one when it reads the first.</summary>
    /// <param name="outputColumnName">The text column that the trained model writes.</param>
    /// <param name="inputColumnName">The text column with the sources.</param>
    /// <param name="targetColumnName">The text column with the target of each source, read by the training.</param>
    /// <param name="epochs">Passes over the data.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// // And many more pairs.
    /// IDataView dates = mlContext.Data.LoadFromEnumerable([new { Words = "the third of May 2024", Date = "2024-05-03" }]);
    /// SequenceToSequenceTransformer model =
    ///     mlContext.Transforms.Generative().SequenceToSequence("Iso", "Words", "Date").Fit(dates);
    /// Console.WriteLine(model.Generate("the third of May 2024"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public SequenceToSequenceEstimator SequenceToSequence(
        string outputColumnName,
        string inputColumnName,
        string targetColumnName = SequenceToSequenceOptions.Defaults.TargetColumnName,
        int epochs = SequenceToSequenceOptions.Defaults.Epochs) =>
        SequenceToSequence(new SequenceToSequenceOptions
        {
            OutputColumnName = outputColumnName,
            InputColumnName = inputColumnName,
            TargetColumnName = targetColumnName,
            Epochs = epochs,
        });

    /// <summary>An encoder–decoder with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="SequenceToSequenceOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public SequenceToSequenceEstimator SequenceToSequence(SequenceToSequenceOptions options) => new(_env, options);

    /// <summary>A reward model: learns from pairs of texts which one is better, and gives texts a score.</summary>
    /// <param name="outputColumnName">The column with the score.</param>
    /// <param name="chosenColumnName">The text column with the better text of each pair; what the trained model scores.</param>
    /// <param name="rejectedColumnName">The text column with the worse text of each pair.</param>
    /// <param name="baseModel">The language model that the training begins with.</param>
    /// <param name="epochs">Passes over the data.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// // And many more pairs.
    /// IDataView pairs = mlContext.Data.LoadFromEnumerable([new { Chosen = "Happy to help!", Rejected = "Go away." }]);
    /// RewardModelTransformer model = mlContext.Transforms.Generative()
    ///     .RewardModel("Score", "Chosen", "Rejected", languageModel).Fit(pairs);
    /// Console.WriteLine(model.Score("With pleasure."));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public RewardModelEstimator RewardModel(
        string outputColumnName,
        string chosenColumnName,
        string rejectedColumnName,
        LanguageModelTransformer baseModel,
        int epochs = LanguageModelTuningOptions.Defaults.Epochs) =>
        RewardModel(new RewardModelOptions
        {
            OutputColumnName = outputColumnName,
            ChosenColumnName = chosenColumnName,
            RejectedColumnName = rejectedColumnName,
            BaseModel = baseModel,
            Epochs = epochs,
        });

    /// <summary>A reward model with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="RewardModelOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public RewardModelEstimator RewardModel(RewardModelOptions options) => new(_env, options);

    /// <summary>Direct preference optimization: a language model learns from pairs of completions of which one is better.</summary>
    /// <param name="baseModel">The language model that the training begins with, which is also the reference.</param>
    /// <param name="promptColumnName">The text column with the prompts.</param>
    /// <param name="chosenColumnName">The text column with the better completion of each prompt.</param>
    /// <param name="rejectedColumnName">The text column with the worse completion of each prompt.</param>
    /// <param name="beta">How strongly the model is held to what it was: smaller moves further away.</param>
    /// <param name="epochs">Passes over the data.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
    /// // And many more pairs.
    /// IDataView pairs = mlContext.Data.LoadFromEnumerable(
    ///     [new { Prompt = "Can you help me?", Chosen = " With pleasure.", Rejected = " No." }]);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().Dpo(languageModel).Fit(pairs);
    /// Console.WriteLine(model.Generate("Can you help me?"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public DpoEstimator Dpo(
        LanguageModelTransformer baseModel,
        string promptColumnName = AlignmentOptions.Defaults.PromptColumnName,
        string chosenColumnName = DpoOptions.Defaults.ChosenColumnName,
        string rejectedColumnName = DpoOptions.Defaults.RejectedColumnName,
        double beta = AlignmentOptions.Defaults.Beta,
        int epochs = LanguageModelTuningOptions.Defaults.Epochs) =>
        Dpo(new DpoOptions
        {
            BaseModel = baseModel,
            PromptColumnName = promptColumnName,
            ChosenColumnName = chosenColumnName,
            RejectedColumnName = rejectedColumnName,
            Beta = beta,
            Epochs = epochs,
        });

    /// <summary>Direct preference optimization with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="DpoOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range, or two cannot be combined; the message names them.</exception>
    public DpoEstimator Dpo(DpoOptions options) => new(_env, options);

    /// <summary>Kahneman–Tversky optimization: a language model learns from completions that are good or bad in themselves.</summary>
    /// <param name="baseModel">The language model that the training begins with, which is also the reference.</param>
    /// <param name="promptColumnName">The text column with the prompts.</param>
    /// <param name="completionColumnName">The text column with a completion of each prompt.</param>
    /// <param name="labelColumnName">The Boolean column that says whether the completion is good.</param>
    /// <param name="beta">How strongly the model is held to what it was: smaller moves further away.</param>
    /// <param name="epochs">Passes over the data.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
    /// // And many more rows.
    /// IDataView rows = mlContext.Data.LoadFromEnumerable(
    /// [
    ///     new { Prompt = "Can you help me?", Completion = " With pleasure.", Label = true },
    ///     new { Prompt = "Where is it?", Completion = " Look for yourself.", Label = false },
    /// ]);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().Kto(languageModel).Fit(rows);
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public KtoEstimator Kto(
        LanguageModelTransformer baseModel,
        string promptColumnName = AlignmentOptions.Defaults.PromptColumnName,
        string completionColumnName = KtoOptions.Defaults.CompletionColumnName,
        string labelColumnName = KtoOptions.Defaults.LabelColumnName,
        double beta = AlignmentOptions.Defaults.Beta,
        int epochs = LanguageModelTuningOptions.Defaults.Epochs) =>
        Kto(new KtoOptions
        {
            BaseModel = baseModel,
            PromptColumnName = promptColumnName,
            CompletionColumnName = completionColumnName,
            LabelColumnName = labelColumnName,
            Beta = beta,
            Epochs = epochs,
        });

    /// <summary>Kahneman–Tversky optimization with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="KtoOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public KtoEstimator Kto(KtoOptions options) => new(_env, options);

    /// <summary>
    /// Group relative policy optimization: a language model learns from rewards of its own completions, compared with others of the same
    /// prompt.
    /// </summary>
    /// <param name="baseModel">The language model that the training begins with, which is also the reference.</param>
    /// <param name="reward">What completions are scored by.</param>
    /// <param name="promptColumnName">The text column with the prompts.</param>
    /// <param name="epochs">Passes over the prompts.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// // And many more prompts.
    /// IDataView prompts = mlContext.Data.LoadFromEnumerable([new { Prompt = "Once upon a time" }, new { Prompt = "The sea" }]);
    /// TextReward reward = TextReward.FromFunction((prompt, completion) => completion.Contains("happy") ? 1 : 0);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().Grpo(languageModel, reward).Fit(prompts);
    /// Console.WriteLine(model.Generate("Once upon a time"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public GrpoEstimator Grpo(
        LanguageModelTransformer baseModel,
        TextReward reward,
        string promptColumnName = AlignmentOptions.Defaults.PromptColumnName,
        int epochs = LanguageModelTuningOptions.Defaults.Epochs) =>
        Grpo(new GrpoOptions { BaseModel = baseModel, Rewards = [reward], PromptColumnName = promptColumnName, Epochs = epochs });

    /// <summary>Group relative policy optimization with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="GrpoOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range, or two cannot be combined; the message names them.</exception>
    public GrpoEstimator Grpo(GrpoOptions options) => new(_env, options);

    /// <summary>REINFORCE with a baseline that leaves one out: a language model learns from rewards of its own completions.</summary>
    /// <param name="baseModel">The language model that the training begins with, which is also the reference.</param>
    /// <param name="reward">What completions are scored by.</param>
    /// <param name="promptColumnName">The text column with the prompts.</param>
    /// <param name="epochs">Passes over the prompts.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// // And many more prompts.
    /// IDataView prompts = mlContext.Data.LoadFromEnumerable([new { Prompt = "Once upon a time" }, new { Prompt = "The sea" }]);
    /// TextReward reward = TextReward.FromFunction((prompt, completion) => completion.Contains("happy") ? 1 : 0);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().Rloo(languageModel, reward).Fit(prompts);
    /// Console.WriteLine(model.Generate("Once upon a time"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public RlooEstimator Rloo(
        LanguageModelTransformer baseModel,
        TextReward reward,
        string promptColumnName = AlignmentOptions.Defaults.PromptColumnName,
        int epochs = LanguageModelTuningOptions.Defaults.Epochs) =>
        Rloo(new RlooOptions { BaseModel = baseModel, Rewards = [reward], PromptColumnName = promptColumnName, Epochs = epochs });

    /// <summary>REINFORCE with a baseline that leaves one out with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="RlooOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range, or two cannot be combined; the message names them.</exception>
    public RlooEstimator Rloo(RlooOptions options) => new(_env, options);

    /// <summary>
    /// Proximal policy optimization: a language model learns from rewards of its own completions, with a value for each token.
    /// </summary>
    /// <param name="baseModel">The language model that the training begins with, which is also the reference.</param>
    /// <param name="reward">What completions are scored by.</param>
    /// <param name="promptColumnName">The text column with the prompts.</param>
    /// <param name="epochs">Passes over the prompts.</param>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// // And many more prompts.
    /// IDataView prompts = mlContext.Data.LoadFromEnumerable([new { Prompt = "Once upon a time" }, new { Prompt = "The sea" }]);
    /// TextReward reward = TextReward.FromFunction((prompt, completion) => completion.Contains("happy") ? 1 : 0);
    /// LanguageModelTransformer model = mlContext.Transforms.Generative().Ppo(languageModel, reward).Fit(prompts);
    /// Console.WriteLine(model.Generate("Once upon a time"));
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public PpoEstimator Ppo(
        LanguageModelTransformer baseModel,
        TextReward reward,
        string promptColumnName = AlignmentOptions.Defaults.PromptColumnName,
        int epochs = LanguageModelTuningOptions.Defaults.Epochs) =>
        Ppo(new PpoOptions { BaseModel = baseModel, Rewards = [reward], PromptColumnName = promptColumnName, Epochs = epochs });

    /// <summary>Proximal policy optimization with all its options.</summary>
    /// <param name="options">The options; later changes to the object have no effect.</param>
    /// <inheritdoc cref="PpoOptions" path="/example"/>
    /// <exception cref="ArgumentException">An option is out of its range, or two cannot be combined; the message names them.</exception>
    public PpoEstimator Ppo(PpoOptions options) => new(_env, options);
}
