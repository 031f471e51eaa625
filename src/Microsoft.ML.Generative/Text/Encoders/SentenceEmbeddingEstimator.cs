using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Trains an encoder so that the vectors of texts that mean the same are near to each other.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.SentenceEmbedding(string, string, string, EncoderTransformer, int?)"/> or
/// <see cref="GenerativeTransformsCatalog.SentenceEmbedding(SentenceEmbeddingOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Text)</term><description>text.</description></item>
/// <item>
/// <term>input, optional (none)</term>
/// <description>text: what is to be near to the text; read by the training only.</description>
/// </item>
/// <item>
/// <term>input, optional (none)</term>
/// <description>text: what is to be far from the text; read by the training only.</description>
/// </item>
/// <item>
/// <term>input, optional (none)</term>
/// <description>Single: how near the texts of a row are to be, −1 to 1; read by the training only.</description>
/// </item>
/// <item>
/// <term>output (Embedding)</term>
/// <description>vector of Single of <see cref="EncoderArchitecture.EmbeddingSize"/> values: the text's vector, features of any
/// trainer.</description>
/// </item>
/// </list>
/// <para>
/// Task: embedding of texts · normalization: none needed · caching: not needed (reads once, once more where a tokenizer is made) · GPU: yes
/// · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Reimers, Gurevych, "Sentence-BERT", 2019, <see href="https://arxiv.org/abs/1908.10084"/>; Henderson et al., "Efficient natural language
/// response suggestion", 2017, <see href="https://arxiv.org/abs/1705.00652"/>; Gao, Yao, Chen, "SimCSE", 2021,
/// <see href="https://arxiv.org/abs/2104.08821"/>.
/// </para>
/// </remarks>
/// <seealso cref="SentenceEmbeddingTransformer"/>
public sealed class SentenceEmbeddingEstimator : IEstimator<SentenceEmbeddingTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly SentenceEmbeddingOptions _options;

    internal SentenceEmbeddingEstimator(IHostEnvironment env, SentenceEmbeddingOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(SentenceEmbeddingEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the text columns that the options name.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: a text with characters that the tokenizer lacks, or a score that is not finite.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public SentenceEmbeddingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        EncoderColumns columns = _options.Columns;
        columns.Check(input, _options);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            using IDisposable stop = EncodingStop.By(trainer.Run.StopIfCancelled);
            EncoderCodec codec = EncoderTraining.CodecOf(_options, columns.ReadTexts(trainer.Run, input));
            EncoderArchitecture architecture = EncoderTraining.ArchitectureOf(_options, codec);
            IBatchSource batches = Read(trainer.Run, input, columns, codec, trainer.Run.DataBudget, isTraining: true);
            IBatchSource? validation = trainer.Run.ReadValidation(
                data => Read(trainer.Run, data, columns, codec, trainer.Run.ValidationBudget, isTraining: false));

            using EncoderTraining training = EncoderTraining.Open(trainer, _options, architecture);
            var phase = new TrainingPhase(
                trainer.Prepare("encoder", training.Model), batches,
                new SentenceEmbeddingObjective(training.Model.Encoder, _options).Losses)
            {
                Unit = "tokens",
            };
            trainer.Train([phase], validation);
            EncoderNetworks networks = training.Finish();
            EncoderCore core = EncoderCore.Of(networks, codec);
            var definition = new SentenceEmbeddingDefinition(
                core, _options.InputColumnName, _options.OutputColumnName, _options.ActualPooling, _options.Normalize,
                _options.TransformBatchSize);
            return new SentenceEmbeddingTransformer(_host, definition, codec, networks, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(
            inputSchema, [new OutputColumn(_options.OutputColumnName, NumberDataViewType.Single, IsVector: true)]);
    }

    private IndexBatches Read(
        TrainingRun run, IDataView data, EncoderColumns columns, EncoderCodec codec, long budget, bool isTraining)
    {
        using IChannel channel = run.Host.Start("Reading");
        var examples = new EncoderExamples(codec.VocabularySize, columns.Texts.Length, budget);
        foreach (EncoderRow row in columns.Read(run, data))
        {
            examples.Rows = row.Row + 1;
            examples.Add(row.Number, [.. row.Texts.Select(
                (text, i) => RowErrors.Name(columns.Texts[i], row.Row, () => codec.Encode(text)))]);
        }

        channel.Info($"Read {examples.Count:N0} rows of {examples.Tokens:N0} tokens.");
        bool ranks = _options.ScoreColumnName is null;
        if (ranks && isTraining && examples.Count < 2)
        {
            throw new ArgumentException(
                "The data has 1 row; expected 2 or more, whose texts are compared with each other, or a "
                + $"{nameof(SentenceEmbeddingOptions.ScoreColumnName)}.");
        }

        return new IndexBatches(
            examples.Count, _options.BatchSize, isTraining && _options.Shuffle ? run.Seed : null, () => examples.Fingerprint,
            chosen =>
            {
                int texts = columns.Texts.Length;
                EncodedText[] all = [.. chosen.SelectMany(row => Enumerable.Range(0, texts).Select(i => examples.TextOf(row, i)))];
                (torch.Tensor tokens, torch.Tensor isToken) = EncoderRows.PadWithMask(all, run.Device);
                return new TensorBatch(
                    chosen.Length, tokens.view(chosen.Length, texts, -1), isToken.view(chosen.Length, texts, -1),
                    torch.tensor(Array.ConvertAll(chosen, row => (float)examples.NumberOf(row)), device: run.Device))
                {
                    Samples = all.Sum(text => (long)text.Ids.Length),
                };
            })
        {
            Fewest = ranks && isTraining ? 2 : 1,
        };
    }
}
