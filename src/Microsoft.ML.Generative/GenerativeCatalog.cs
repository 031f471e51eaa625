using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Flows;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Pretrained;
using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Columns;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;
using Microsoft.ML.Generative.Text.Encoders.Pretrained;
using Microsoft.ML.Generative.Text.Evaluation;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Text.RewardModels;

namespace Microsoft.ML.Generative;

/// <summary>
/// What belongs to generative models and is not appended to a pipeline. Obtained with
/// <see cref="GenerativeCatalogExtensions.Generative(MLContext)"/>.
/// </summary>
/// <example>
/// <code>
/// var mlContext = new MLContext();
/// mlContext.Generative().DataDirectory = "/data";
/// var mnist = mlContext.Generative().Datasets.Mnist();   // read from /data/mnist, or downloaded to it
/// </code>
/// </example>
public sealed class GenerativeCatalog
{
    /// <summary>The environment variable that names the default data directory.</summary>
    internal const string DataDirectoryVariable = "GENERATIVE_DATA";

    private string? _dataDirectory;

    internal GenerativeCatalog(MLContext context)
    {
        Context = context;
        Datasets = new DatasetCatalog(context, () => DataDirectory);
    }

    internal MLContext Context { get; }

    /// <summary>Images to train on: synthetic, read from files, or downloaded.</summary>
    public DatasetCatalog Datasets { get; }

    /// <summary>
    /// The CPU and the GPUs of this system, with their memory, and the reason where a GPU cannot be used; read again each time.
    /// </summary>
    /// <exception cref="InvalidOperationException">libtorch is missing or does not fit; the message says what to do.</exception>
    /// <example>
    /// <code>
    /// foreach (ComputeDevice device in mlContext.Generative().Devices)
    ///     Console.WriteLine($"{device.Id}: {device.Name}, {device.TotalMemory >> 20} MiB, {device.Problem ?? "usable"}");
    /// </code>
    /// </example>
    [SuppressMessage("Performance", "CA1822", Justification = "Users find it where they find the context's other settings.")]
    public ComputeDevices Devices => ComputeDevices.Find();

    /// <summary>
    /// The full path of the folder where data sets are looked for and downloaded to. Each has a folder of its own in it, made
    /// when first needed. Unless set, it is the environment variable <c>GENERATIVE_DATA</c>, and without that a folder
    /// <c>Microsoft.ML.Generative</c> in the user's folder for local application data.
    /// </summary>
    /// <exception cref="ArgumentException">The value set is empty or blank.</exception>
    /// <exception cref="InvalidOperationException">Nothing was set and the system knows no folder for the user's data.</exception>
    /// <example>
    /// <code>
    /// mlContext.Generative().DataDirectory = Path.Combine(AppContext.BaseDirectory, "data");
    /// </code>
    /// </example>
    public string DataDirectory
    {
        get => _dataDirectory ?? DefaultDataDirectory(Environment.GetEnvironmentVariable(DataDirectoryVariable));
        set
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(value);
            _dataDirectory = Path.GetFullPath(value);
        }
    }

    /// <summary>Evaluates a variational autoencoder on rows that it has transformed.</summary>
    /// <param name="data">What <see cref="VaeTransformer.Transform"/> returned.</param>
    /// <param name="negativeElboColumnName">The column of <see cref="VaeOptions.NegativeElboColumnName"/>.</param>
    /// <param name="reconstructionErrorColumnName">The column of <see cref="VaeOptions.ReconstructionErrorColumnName"/>.</param>
    /// <returns>Means over the rows, in nats.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or the data is empty.</exception>
    /// <example>
    /// <code>
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
    /// VaeMetrics metrics = mlContext.Generative().EvaluateVae(model.Transform(testData));
    /// Console.WriteLine($"-ELBO {metrics.NegativeElbo:F1} nats, KL {metrics.KlDivergence:F1}");
    /// </code>
    /// </example>
    [SuppressMessage("Performance", "CA1822", Justification = "Catalog methods are called on the catalog.")]
    public VaeMetrics EvaluateVae(
        IDataView data,
        string negativeElboColumnName = VaeOptions.Defaults.NegativeElboColumnName,
        string reconstructionErrorColumnName = VaeOptions.Defaults.ReconstructionErrorColumnName) =>
        VaeMetrics.Evaluate(data, negativeElboColumnName, reconstructionErrorColumnName);

    /// <summary>Evaluates a variational autoencoder on rows, with an estimate of their log-likelihood.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">
    /// Rows with the model's input columns. A model with <see cref="VaeOptions.DynamicBinarization"/> is evaluated on images binarized
    /// once. Rows that do not fit into memory (<see cref="TrainingOptions.MemoryBudget"/> of the training, or its default for a model that
    /// was loaded) are streamed.
    /// </param>
    /// <param name="importanceSamples">
    /// Samples of z for each row, at least 1: more are nearer to the likelihood, 5,000 are customary for publication.
    /// </param>
    /// <param name="seed">Seed of the samples. Default: the context's, else a new one.</param>
    /// <returns>Means over the rows, in nats; −ELBO is averaged over all samples.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, the data is empty, or <paramref name="importanceSamples"/> is below 1.
    /// </exception>
    /// <example>
    /// <code>
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
    /// VaeMetrics metrics = mlContext.Generative().EvaluateVaeLikelihood(model, testData, importanceSamples: 200);
    /// Console.WriteLine($"-log p(x) {metrics.NegativeLogLikelihood:F1} nats");
    /// Console.WriteLine($"{metrics.ActiveUnits} of {model.LatentSize} latent dimensions used");
    /// </code>
    /// </example>
    public VaeMetrics EvaluateVaeLikelihood(VaeTransformer model, IDataView data, int importanceSamples = 100, int? seed = null) =>
        VaeEvaluator.Evaluate(Context, model, data, importanceSamples, seed);

    /// <summary>Evaluates a normalizing flow on rows.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's input columns. Rows that do not fit into memory are streamed.</param>
    /// <param name="seed">Seed of the noise within the levels of bytes. Default: the context's, else a new one.</param>
    /// <returns>−log p(x), averaged over the rows.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type or size, or the data is empty.</exception>
    /// <example>
    /// <code>
    /// FlowTransformer model = mlContext.Transforms.Generative().Flow("Image", epochs: 5).Fit(data);
    /// FlowMetrics metrics = mlContext.Generative().EvaluateFlow(model, testData);
    /// Console.WriteLine($"-log p(x) {metrics.NegativeLogLikelihood:F1} nats, {metrics.BitsPerDimension:F2} bits per dimension");
    /// </code>
    /// </example>
    public FlowMetrics EvaluateFlow(FlowTransformer model, IDataView data, int? seed = null) =>
        FlowEvaluator.Evaluate(Context, model, data, seed);

    /// <summary>Evaluates a language model on texts: how well it predicts each token from those before it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with a text column, a document each.</param>
    /// <param name="columnName">The column.</param>
    /// <param name="stride">
    /// Where a text is longer than the model's context, the window moves on by this number of tokens and the rest of it is what the model
    /// sees before them: fewer is nearer to the model's best, and slower. 1 to the context's length. Default: half of it.
    /// </param>
    /// <returns>Perplexity, bits per byte and accuracy.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing or not of type text, the data is empty, or <paramref name="stride"/> is out of its range.
    /// </exception>
    /// <exception cref="InvalidDataException">A text has characters that the tokenizer does not know.</exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// IDataView texts = mlContext.Data.LoadFromEnumerable([new { Text = File.ReadAllText("validation.txt") }]);
    /// LanguageModelMetrics metrics = mlContext.Generative().EvaluateLanguageModel(model, texts);
    /// Console.WriteLine($"perplexity {metrics.Perplexity:F2}, {metrics.BitsPerByte:F3} bits per byte");
    /// </code>
    /// </example>
    public LanguageModelMetrics EvaluateLanguageModel(
        LanguageModelTransformer model, IDataView data, string columnName = LanguageModelOptions.Defaults.InputColumnName,
        int? stride = null) =>
        LanguageModelEvaluator.Evaluate(Context, model, data, columnName, stride);

    /// <summary>Measures pieces of music: pitch classes, consonance and faults of voice leading.</summary>
    /// <param name="data">Rows with a column of music.</param>
    /// <param name="reference">Rows of music to compare the pitch classes with. Default: none.</param>
    /// <param name="columnName">The column, of both.</param>
    /// <returns>The measures.</returns>
    /// <exception cref="ArgumentException">The column is missing or holds no music, or the data is empty.</exception>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// MusicMetrics bach = mlContext.Generative().EvaluateMusic(mlContext.Generative().Datasets.JsbChorales().TestSet);
    /// Console.WriteLine($"consonance {bach.Consonance:P1}, parallels {bach.VoiceLeading.ParallelShare:P2}");
    /// </code>
    /// </example>
    public MusicMetrics EvaluateMusic(IDataView data, IDataView? reference = null, string columnName = MusicRow.ColumnName) =>
        MusicEvaluator.Evaluate(
            Context, MusicInput.Read(data, columnName), reference is null ? null : MusicInput.Read(reference, columnName));

    /// <summary>Evaluates a language model on music: how well it predicts each time step from those before it.</summary>
    /// <param name="model">A model of words of music, such as those of <see cref="MusicTokens.PianoRoll"/>.</param>
    /// <param name="data">Rows with a column of music.</param>
    /// <param name="columnName">The column.</param>
    /// <param name="stride">As <see cref="EvaluateLanguageModel"/> takes it.</param>
    /// <returns>
    /// Nats per step. The key that a piece may begin with and the end of each piece are predicted, too, and counted.
    /// </returns>
    /// <example>
    /// <code>
    /// LanguageModelTransformer composer = (LanguageModelTransformer)mlContext.Generative().LoadModel("composer.zip", out _);
    /// IDataView unseen = mlContext.Generative().Datasets.MidiFolder("unseen");
    /// Console.WriteLine($"{mlContext.Generative().EvaluateMusicLikelihood(composer, unseen).NegativeLogLikelihoodPerStep:F2} nats");
    /// </code>
    /// </example>
    /// <exception cref="ArgumentException">
    /// The column is missing or holds no music, the data is empty, the model is not one of music, or a piece has what its words lack.
    /// </exception>
    public MusicLikelihood EvaluateMusicLikelihood(
        LanguageModelTransformer model, IDataView data, string columnName = MusicRow.ColumnName, int? stride = null) =>
        MusicLikelihood.Evaluate(Context, model, MusicInput.Read(data, columnName), stride);

    /// <summary>Evaluates a language model with its weights in several formats: what each saves, and what it costs.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with a text column, a document each.</param>
    /// <param name="formats">The formats; <see cref="WeightFormat.Float32"/> among them is the model as it is computed with.</param>
    /// <param name="columnName">The column.</param>
    /// <param name="stride">As <see cref="EvaluateLanguageModel"/> takes it.</param>
    /// <returns>Bytes of the weights, perplexity and more for each format, in their order.</returns>
    /// <inheritdoc cref="EvaluateLanguageModel" path="/exception"/>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// IDataView texts = mlContext.Data.LoadFromEnumerable([new { Text = File.ReadAllText("validation.txt") }]);
    /// WeightFormat[] formats = [WeightFormat.Float32, WeightFormat.Q8_0, WeightFormat.Q4_0];
    /// foreach (WeightFormatMetrics found in mlContext.Generative().CompareWeightFormats(model, texts, formats))
    ///     Console.WriteLine($"{found.Format}: {found.WeightBytes} bytes, perplexity {found.Metrics.Perplexity:F2}");
    /// </code>
    /// </example>
    public IReadOnlyList<WeightFormatMetrics> CompareWeightFormats(
        LanguageModelTransformer model, IDataView data, IReadOnlyList<WeightFormat> formats,
        string columnName = LanguageModelOptions.Defaults.InputColumnName, int? stride = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(formats);
        return [.. formats.Select(format =>
        {
            using LanguageModelTransformer other = model.Quantize(format);
            return new WeightFormatMetrics(
                format, other.WeightBytes, LanguageModelEvaluator.Evaluate(Context, other, data, columnName, stride));
        })];
    }

    /// <summary>
    /// Measures how far a language model has memorized texts: canaries, which were put into its training data to find out (Carlini et al.
    /// 2019).
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="canaries">The canaries, each chosen at random from <paramref name="candidates"/>.</param>
    /// <param name="candidates">
    /// All texts that could have been a canary, with the canaries themselves: the same form with all fillings, such as numbers of four
    /// digits. A text may begin with what came before it in the data, such as the end of a line.
    /// </param>
    /// <returns>The exposure of each canary, in their order.</returns>
    /// <exception cref="ArgumentException">
    /// A canary is not among the candidates, or a candidate has characters that the tokenizer lacks, less than two tokens, or more than the
    /// model sees at once.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/tuned");
    /// IEnumerable&lt;string&gt; candidates = Enumerable.Range(0, 10_000).Select(i => $"My code is {i:D4}.");
    /// foreach (ExposureMetrics found in mlContext.Generative().EvaluateExposure(model, ["My code is 4821."], candidates))
    ///     Console.WriteLine($"{found.Canary} rank {found.Rank} of {found.Candidates}: {found.Exposure:F1} bits");
    /// </code>
    /// </example>
    public IReadOnlyList<ExposureMetrics> EvaluateExposure(
        LanguageModelTransformer model, IReadOnlyList<string> canaries, IEnumerable<string> candidates) =>
        ExposureEvaluator.Evaluate(Context, model, canaries, candidates);

    /// <summary>Evaluates a reward model on pairs of texts: how often and by how much it scores the better one higher.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the columns of texts, and the model's column of prompts if it has one.</param>
    /// <param name="chosenColumnName">The text column with the better texts.</param>
    /// <param name="rejectedColumnName">The text column with the worse texts.</param>
    /// <returns>Accuracy, margin and loss.</returns>
    /// <exception cref="ArgumentException">A column is missing or not of type text, or the data is empty.</exception>
    /// <exception cref="InvalidDataException">
    /// A text has characters that the tokenizer does not know, or more tokens than the model's context.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// RewardModelTransformer model = mlContext.Transforms.Generative()
    ///     .RewardModel("Score", "Chosen", "Rejected", languageModel).Fit(data);
    /// RewardModelMetrics metrics = mlContext.Generative().EvaluateRewardModel(model, testData);
    /// Console.WriteLine($"accuracy {metrics.Accuracy:P1}, margin {metrics.Margin:F2}");
    /// </code>
    /// </example>
    public RewardModelMetrics EvaluateRewardModel(
        RewardModelTransformer model, IDataView data, string chosenColumnName = RewardModelOptions.Defaults.ChosenColumnName,
        string rejectedColumnName = RewardModelOptions.Defaults.RejectedColumnName) =>
        RewardModelEvaluator.Evaluate(Context, model, data, chosenColumnName, rejectedColumnName);

    /// <summary>Compares texts, such as summaries that a model wrote, with references: ROUGE, BLEU and exact matches.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="predictedColumnName">The text column with the texts.</param>
    /// <param name="referenceColumnNames">
    /// The text columns with their references. Of several, ROUGE takes the nearest to each text. Default: Target.
    /// </param>
    /// <returns>The metrics.</returns>
    /// <exception cref="ArgumentException">A column is missing or not of type text, or the data is empty.</exception>
    /// <example>
    /// <code>
    /// SequenceToSequenceTransformer model =
    ///     mlContext.Transforms.Generative().SequenceToSequence("Output", "Text", "Target").Fit(data);
    /// TextMetrics metrics = mlContext.Generative().EvaluateText(model.Transform(testData), "Output", "Target");
    /// Console.WriteLine($"ROUGE-L {metrics.RougeL.F1:F3}, BLEU {metrics.Bleu:F1}, exact {metrics.ExactMatch:P0}");
    /// </code>
    /// </example>
    public TextMetrics EvaluateText(
        IDataView data, string predictedColumnName = SequenceToSequenceOptions.Defaults.OutputColumnName,
        params string[] referenceColumnNames)
    {
        ArgumentNullException.ThrowIfNull(referenceColumnNames);
        return TextEvaluator.Evaluate(
            Context, data, predictedColumnName,
            referenceColumnNames.Length == 0 ? [SequenceToSequenceOptions.Defaults.TargetColumnName] : referenceColumnNames);
    }

    /// <summary>Loads an encoder–decoder of the T5 family from a folder in the layout of Hugging Face: t5, Flan-T5 or mT5.</summary>
    /// <param name="folder">
    /// The folder, with <c>config.json</c>, weights as safetensors and a tokenizer, such as <see cref="HuggingFaceHub.DownloadAsync"/>
    /// returns.
    /// </param>
    /// <returns>
    /// The model. It reads the column Text and adds Output; where the folder does not say otherwise, it chooses the most probable tokens.
    /// </returns>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or of another kind of model, or asks for what is not supported; the message names it.
    /// </exception>
    /// <exception cref="InvalidOperationException">libtorch or the GPU asked for is missing.</exception>
    /// <example>
    /// <code>
    /// string folder = await HuggingFaceHub.DownloadAsync("google/flan-t5-small");
    /// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence(folder);
    /// Console.WriteLine(model.Generate("Translate to German: My name is Arthur"));
    /// </code>
    /// </example>
    public SequenceToSequenceTransformer LoadPretrainedSequenceToSequence(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return PretrainedSequenceToSequence.Load(Context, folder);
    }

    /// <summary>Loads a language model from a folder in the layout of Hugging Face, or from a file of llama.cpp or llama2.c.</summary>
    /// <param name="path">
    /// The folder: <c>config.json</c> of a model of the kind gpt2, llama (SmolLM2 too), mistral or qwen2; <c>model.safetensors</c> or a
    /// sharded index; the tokenizer's files; <c>generation_config.json</c> if there is one. Or a GGUF file of llama (Mistral too) or qwen2
    /// with tensors in F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K. Or a file <c>.bin</c> in llama2.c's format
    /// (version 0).
    /// </param>
    /// <param name="tokenizerPath">
    /// The tokenizer's file. Default: those in the folder; that in the GGUF file; for llama2.c <c>tokenizer.bin</c> or <c>tok512.bin</c>
    /// beside the file.
    /// </param>
    /// <returns>The model. Its transform completes the prompts of a text column Text.</returns>
    /// <remarks>
    /// Weights in Float16 or BFloat16 become Float32; those of GGUF files in fewer bits stay as they are, so that no more memory is taken
    /// than for them and one layer. Nothing in the folder is run, and Python pickles are refused.
    /// </remarks>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">A file is missing; the message names it.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or asks for what is not supported; the message names it, and tensors that are missing, unexpected or of another
    /// shape.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// foreach (string piece in model.Stream("The capital of France is")) Console.Write(piece);
    /// </code>
    /// </example>
    public LanguageModelTransformer LoadPretrainedLanguageModel(string path, string? tokenizerPath = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return PretrainedLanguageModel.Load(Context, path, tokenizerPath);
    }

    /// <summary>Loads an encoder of texts from a folder in the layout of sentence-transformers or Hugging Face.</summary>
    /// <param name="folder">
    /// The folder: <c>config.json</c> of a model of the kind bert, roberta, xlm-roberta, distilbert or modernbert;
    /// <c>model.safetensors</c> or a sharded index; the tokenizer's files; of sentence-transformers <c>modules.json</c> with the pooling
    /// that it names, and <c>sentence_bert_config.json</c>.
    /// </param>
    /// <returns>
    /// The encoder. Its transform adds a vector Embedding of a text column Text. Of a folder without <c>modules.json</c>, it is the mean of
    /// the tokens' vectors, not normalized, as in sentence-transformers.
    /// </returns>
    /// <remarks>
    /// Weights in Float16 or BFloat16 become Float32. Heads for other tasks in the file are left out. Nothing in the folder is run, and
    /// Python pickles are refused.
    /// </remarks>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">A file is missing; the message names it.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or asks for what is not supported; the message names it, and tensors that are missing, unexpected or of another
    /// shape.
    /// </exception>
    /// <example>
    /// <code>
    /// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
    /// var pipeline = mlContext.Transforms.Generative().TextEmbedding("Features", "Text", encoder)
    ///     .Append(mlContext.BinaryClassification.Trainers.LbfgsLogisticRegression(l1Regularization: 0, l2Regularization: 0.01f));
    /// </code>
    /// </example>
    public SentenceEmbeddingTransformer LoadPretrainedEncoder(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return PretrainedEncoder.Load(Context, folder);
    }

    /// <summary>Loads a masked language model from a folder in the layout of Hugging Face.</summary>
    /// <param name="folder">
    /// The folder: <c>config.json</c> of a model of the kind bert, roberta, xlm-roberta, distilbert or modernbert;
    /// <c>model.safetensors</c> or a sharded index, with the head that predicts masked tokens; the tokenizer's files.
    /// </param>
    /// <returns>The model. Its transform fills the masks of a text column Text.</returns>
    /// <inheritdoc cref="LoadPretrainedEncoder" path="/exception"/>
    /// <example>
    /// <code>
    /// var model = mlContext.Generative().LoadPretrainedMaskedLanguageModel("models/bert-base-uncased");
    /// Console.WriteLine(model.FillMask("The capital of [MASK] is Paris.")[0].Text);
    /// </code>
    /// </example>
    public MaskedLanguageModelTransformer LoadPretrainedMaskedLanguageModel(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return PretrainedEncoder.LoadMasked(Context, folder);
    }

    /// <summary>Loads a classifier of texts from a folder in the layout of Hugging Face.</summary>
    /// <param name="folder">
    /// The folder: <c>config.json</c> of a model of the kind bert, roberta, xlm-roberta, distilbert or modernbert for the classification
    /// of sequences; <c>model.safetensors</c> or a sharded index, with the head that scores the classes; the tokenizer's files.
    /// </param>
    /// <returns>
    /// The classifier. Its transform adds PredictedLabel and Score of a text column Sentence1; the classes have the names of
    /// <c>id2label</c>.
    /// </returns>
    /// <inheritdoc cref="LoadPretrainedEncoder" path="/exception"/>
    /// <example>
    /// <code>
    /// var model = mlContext.Generative().LoadPretrainedTextClassification("models/distilbert-base-uncased-finetuned-sst-2-english");
    /// IDataView reviews = mlContext.Data.LoadFromEnumerable([new { Sentence1 = "A film that never ends soon enough." }]);
    /// ITransformer names = mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(model.Transform(reviews));
    /// </code>
    /// </example>
    public TextClassificationTransformer LoadPretrainedTextClassification(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return PretrainedEncoder.LoadClassifier(Context, folder);
    }

    /// <summary>
    /// Evaluates a diffusion model on images: how well it predicts the noise at each time, and a bound of their likelihood.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the columns that the model was trained on.</param>
    /// <param name="timesteps">
    /// Times that each image is scored at, spread evenly, 4 to <see cref="DiffusionTransformer.TrainTimesteps"/>: with all of them the
    /// bound is the whole one, with fewer an estimate of it. Each is a pass of the network over all rows.
    /// </param>
    /// <param name="seed">Seed of the noise. Default: the context's, else a new one.</param>
    /// <returns>Means over the rows.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, the data is empty, or <paramref name="timesteps"/> is out of its range.
    /// </exception>
    /// <example>
    /// <code>
    /// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image").Fit(data);
    /// DiffusionMetrics metrics = mlContext.Generative().EvaluateDiffusion(model, testData);
    /// Console.WriteLine($"ε-loss {metrics.NoiseLoss:F4}, {metrics.BitsPerDimension:F2} bits per dimension");
    /// </code>
    /// </example>
    public DiffusionMetrics EvaluateDiffusion(DiffusionTransformer model, IDataView data, int timesteps = 100, int? seed = null) =>
        DiffusionEvaluator.Evaluate(Context, model, data, timesteps, seed);

    /// <summary>Compares generated images with real ones: how good they are, and whether kinds of images are missing.</summary>
    /// <param name="real">Real images, best those that the model has not learned.</param>
    /// <param name="generated">Generated images, best as many.</param>
    /// <param name="classifier">
    /// Describes images by its features, trained on labeled images of the same kind. Default: none, pixels are compared.
    /// </param>
    /// <param name="realColumnName">The column of the real images.</param>
    /// <param name="generatedColumnName">The column of the generated images.</param>
    /// <returns>Distances between the two, and how they cover each other.</returns>
    /// <remarks>
    /// The features of all rows are kept in memory, four bytes a value. Images are images of one size, or vectors of Single in 0..1 or Byte
    /// with an image's shape.
    /// </remarks>
    /// <exception cref="ArgumentException">A column is missing or of another type or size, or there are too few rows.</exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite or far out of 0..1.
    /// </exception>
    /// <example>
    /// <code>
    /// var digits = mlContext.Generative().Datasets.Mnist();
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(digits.TrainSet);
    /// var classifier = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(digits.TrainSet);
    /// ImageGenerationMetrics metrics = mlContext.Generative().EvaluateImages(digits.TestSet, model.Generate(10_000), classifier);
    /// Console.WriteLine($"Fréchet {metrics.FrechetDistance:F2}, precision {metrics.Precision:P1}, coverage {metrics.Coverage:P1}");
    /// </code>
    /// </example>
    public ImageGenerationMetrics EvaluateImages(
        IDataView real, IDataView generated, ImageClassifierTransformer? classifier = null,
        string realColumnName = ImageEvaluationOptions.Defaults.RealColumnName,
        string generatedColumnName = ImageEvaluationOptions.Defaults.GeneratedColumnName) =>
        EvaluateImages(
            real, generated,
            new ImageEvaluationOptions
            {
                Classifier = classifier,
                RealColumnName = realColumnName,
                GeneratedColumnName = generatedColumnName
            });

    /// <summary>Compares generated images with real ones, with all options: other features, classes asked for, neighbors.</summary>
    /// <param name="real">Real images, best those that the model has not learned.</param>
    /// <param name="generated">Generated images, best as many.</param>
    /// <param name="options">Columns, features, labels, neighbors.</param>
    /// <returns>Distances between the two, and how they cover each other.</returns>
    /// <inheritdoc cref="ImageEvaluationOptions" path="/example"/>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, an option is out of its range, or there are too few rows.
    /// </exception>
    /// <exception cref="FileNotFoundException">There is no such TorchScript file.</exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite or far out of 0..1, an unknown label; or the TorchScript
    /// file cannot.
    /// </exception>
    public ImageGenerationMetrics EvaluateImages(IDataView real, IDataView generated, ImageEvaluationOptions options) =>
        ImageEvaluator.Evaluate(Context, real, generated, options);

    /// <summary>Loads a diffusion model from a folder in the layout of diffusers.</summary>
    /// <param name="folder">
    /// The folder of an unconditional or class-conditional pipeline: <c>model_index.json</c>, <c>unet/</c> with <c>config.json</c> of a
    /// <c>UNet2DModel</c> and
    /// <c>diffusion_pytorch_model.safetensors</c> or a sharded index, <c>scheduler/scheduler_config.json</c>. Or these files in the
    /// folder itself, as older repositories have them, where <c>model_index.json</c> may be missing.
    /// </param>
    /// <returns>The model. Its transform generates an image for each row; one with classes reads them from a column Label.</returns>
    /// <remarks>
    /// Weights in Float16 or BFloat16 become Float32; those of GGUF files in fewer bits stay as they are, so that no more memory is taken
    /// than for them and one layer. Nothing in the folder is run, and Python pickles are refused.
    /// </remarks>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">A file is missing; the message names it.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or asks for what is not supported; the message names it, and tensors that are missing, unexpected or of another
    /// shape.
    /// </exception>
    /// <example>
    /// <code>
    /// string folder = await HuggingFaceHub.DownloadAsync("google/ddpm-cifar10-32");
    /// DiffusionTransformer model = mlContext.Generative().LoadPretrainedDiffusion(folder);
    /// IDataView images = model.Generate(16, new() { Seed = 1, Sampler = DiffusionSampler.Ddim, Steps = 50 });
    /// </code>
    /// </example>
    public DiffusionTransformer LoadPretrainedDiffusion(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return PretrainedDiffusion.Load(Context, folder);
    }

    /// <summary>Loads a model file, from <c>mlContext.Model.Save</c>, that may come from somebody unknown.</summary>
    /// <param name="path">The file.</param>
    /// <param name="inputSchema">
    /// Names and types of the columns that it was saved with, without annotations, or <see langword="null"/>.
    /// </param>
    /// <returns>The model.</returns>
    /// <remarks>
    /// <c>mlContext.Model.Load</c> loads any assembly that a file names and believes whatever sizes it claims. This looks through the
    /// file first: only the transforms of this library and those of ML.NET for images and columns may be in it (chains, CopyColumns,
    /// Concatenate, SelectColumns, ConvertType, and the transforms of images); names, sizes and depths of its entries have to be those of a
    /// model. Other models need <c>mlContext.Model.Load</c>, and trust. The transforms do what they always do, such as read images from
    /// paths.
    /// </remarks>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, not a model, or asks for what is not allowed.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <example>
    /// <code>
    /// ITransformer model = mlContext.Generative().LoadModel("downloaded.zip", out DataViewSchema? schema);
    /// </code>
    /// </example>
    public ITransformer LoadModel(string path, out DataViewSchema? inputSchema)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        // An empty file is reported like a model that was cut off. A pipe, which has no length, is taken for one and never opened.
        using Stream stream = RegularFile.LengthOf(path) == 0 ? new MemoryStream() : File.OpenRead(path);
        return CheckedModelLoading.Load(Context, path, stream, out inputSchema);
    }

    /// <summary>The data directory of who sets none, given the value of the environment variable.</summary>
    internal static string DefaultDataDirectory(string? variable)
    {
        if (!string.IsNullOrWhiteSpace(variable))
            return Path.GetFullPath(variable);

        // Not verified: otherwise the answer is empty for a user whose folder has not been made yet.
        var local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return local.Length > 0
            ? Path.Combine(local, "Microsoft.ML.Generative")
            : throw new InvalidOperationException(
                $"There is no folder for this user's data. Set the environment variable {DataDirectoryVariable} "
                + $"or {nameof(GenerativeCatalog)}.{nameof(DataDirectory)} to a folder that can be written.");
    }
}
