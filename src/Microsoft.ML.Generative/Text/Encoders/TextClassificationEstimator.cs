using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Trains an encoder to predict the class of a text, or of two.</summary>
/// <remarks>
/// <para>
/// Create with
/// <see cref="GenerativeTransformsCatalog.TextClassification(string, string, string, string, string, int?, int?, EncoderTransformer)"/> or
/// <see cref="GenerativeTransformsCatalog.TextClassification(TextClassificationOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input (Label)</term>
/// <description>key, Boolean or whole number from 0: the class; read by the training only.</description>
/// </item>
/// <item><term>input (Sentence1)</term><description>text.</description></item>
/// <item><term>input, optional (none)</term><description>text: a second one, classified together with the first.</description></item>
/// <item>
/// <term>output (PredictedLabel)</term>
/// <description>key: the most probable class, with the label column's key values; for integers, the integers.</description>
/// </item>
/// <item>
/// <term>output (Score)</term>
/// <description>vector of Single: the probability of each class. Its slots have the classes' names.</description>
/// </item>
/// </list>
/// <para>
/// Task: multiclass classification · normalization: none needed · caching: not needed (reads once, once more where a tokenizer is made) ·
/// GPU: yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// The columns are what <c>mlContext.MulticlassClassification.Evaluate</c> and <c>MapKeyToValue</c> expect, and are named as those of
/// Microsoft.ML.TorchSharp's text classification; the evaluator wants a key column of labels, or one of Single.
/// </para>
/// <para>
/// Devlin, Chang, Lee, Toutanova, "BERT", 2018, section 4.1, <see href="https://arxiv.org/abs/1810.04805"/>.
/// </para>
/// </remarks>
/// <seealso cref="TextClassificationTransformer"/>
public sealed class TextClassificationEstimator : IEstimator<TextClassificationTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly TextClassificationOptions _options;

    internal TextClassificationEstimator(IHostEnvironment env, TextClassificationOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(TextClassificationEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the column of labels and the text columns that the options name.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: a text with characters that the tokenizer lacks, or a missing or unknown label.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public TextClassificationTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        EncoderColumns columns = _options.Columns;
        columns.Check(input, _options);
        var earlier = _options.BaseModel as TextClassificationTransformer;
        LabelClasses classes = _options.LabelColumns.FindClasses(input, earlier?.Definition.Columns.Classes);
        if (classes.Count < 2)
            throw new ArgumentException($"Column '{_options.LabelColumnName}' has {classes.Count} class; expected 2 or more.");

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            TrainingRun run = trainer.Run;
            using IDisposable stop = EncodingStop.By(run.StopIfCancelled);
            EncoderCodec codec = EncoderTraining.CodecOf(_options, columns.ReadTexts(run, input));
            EncoderArchitecture architecture = EncoderTraining.ArchitectureOf(_options, codec);
            IndexBatches batches = Read(run, input, classes, codec, run.DataBudget, _options.Shuffle ? run.Seed : null);
            IndexBatches? validation = run.ReadValidation(data => Read(run, data, classes, codec, run.ValidationBudget, null));

            ClassificationHeadKind head = earlier?.Head.Kind ?? ClassificationHead.UsualKind(architecture);
            using EncoderTraining training = EncoderTraining.Open(
                trainer, _options, architecture,
                () => new ClassificationHead(architecture, classes.Count, head, _options.Dropout), FillHead);
            var phase = new TrainingPhase(
                trainer.Prepare("classifier", training.Model), batches,
                new TextClassificationObjective(training.Model, _options.ActualPooling).Losses)
            {
                Unit = "tokens",
            };
            trainer.Train([phase], validation);
            EncoderNetworks networks = training.Finish();
            EncoderCore core = EncoderCore.Of(networks, codec);
            return new TextClassificationTransformer(
                _host,
                new TextClassificationDefinition(
                    core, TextClassificationColumns.Of(_options) with { Classes = classes.Labels }, classes.Count, _options.ActualPooling,
                    _options.TransformBatchSize)
                { HeadKind = head },
                codec, networks, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        inputSchema.TryFindColumn(_options.LabelColumnName, out SchemaShape.Column label);
        return OutputColumn.Promise(
            inputSchema,
            TextClassificationTransformer.OutputColumns(TextClassificationColumns.Of(_options), ClassLabels.TypeOf(label)));
    }

    // Of a classifier all; of another encoder the pooler, if it has one.
    private void FillHead(EncoderTransformer source, torch.nn.Module head)
    {
        if (source is TextClassificationTransformer)
            EncoderCopies.CopyCommon(source.Networks.Head!, head);
        else if (source.Networks.Encoder.Base.Pooler is { } pooler && _options.ActualPooling == EmbeddingPooling.FirstToken)
            EncoderCopies.CopyCommon(pooler, ((ClassificationHead)head).Dense);
    }

    // [batch, time] three times: tokens, where they are, segments; and [batch].
    private IndexBatches Read(TrainingRun run, IDataView data, LabelClasses classes, EncoderCodec codec, long budget, long? shuffleSeed)
    {
        using IChannel channel = run.Host.Start("Reading");
        var examples = new EncoderExamples(codec.VocabularySize, texts: 1, budget);
        foreach (EncoderRow row in _options.Columns.Read(run, data, classes))
        {
            examples.Rows = row.Row + 1;
            examples.Add(row.Number, RowErrors.Name(
                _options.Sentence1ColumnName, row.Row,
                () => row.Texts.Length == 1 ? codec.Encode(row.Texts[0]) : codec.Encode(row.Texts[0], row.Texts[1])));
        }

        channel.Info($"Read {examples.Count:N0} rows of {examples.Tokens:N0} tokens.");
        return new IndexBatches(examples.Count, _options.BatchSize, shuffleSeed, () => examples.Fingerprint, chosen =>
        {
            EncodedText[] texts = [.. chosen.Select(row => examples.TextOf(row))];
            EncoderInput input = EncoderRows.Pad(texts, run.Device);
            return new TensorBatch(
                chosen.Length, input.Tokens, input.IsToken ?? torch.ones_like(input.Tokens, torch.@bool),
                input.Segments ?? torch.zeros_like(input.Tokens),
                torch.tensor(Array.ConvertAll(chosen, row => (long)examples.NumberOf(row)), device: run.Device))
            {
                Samples = texts.Sum(text => (long)text.Ids.Length),
            };
        });
    }
}
