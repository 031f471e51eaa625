using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains an encoder to predict tokens of texts from those before and behind them: it fills in words, and is the base of embeddings and
/// classifiers.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.MaskedLanguageModel(string, int?)"/> or
/// <see cref="GenerativeTransformsCatalog.MaskedLanguageModel(MaskedLanguageModelOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input (Text)</term>
/// <description>text: to learn from; where the model transforms rows, with masks such as [MASK].</description>
/// </item>
/// <item><term>output (Filled)</term><description>text: the text with the most probable token in place of each mask.</description></item>
/// </list>
/// <para>
/// Task: pre-training of encoders · normalization: none needed · caching: not needed (reads once, once more where a tokenizer is made) ·
/// GPU: yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Of 15% of the tokens, 80% are masked, 10% replaced and 10% left as they are, or as <see cref="MaskedLanguageModelOptions.Masking"/>
/// says; never those that begin or end a text, or fill a batch.
/// Devlin, Chang, Lee, Toutanova, "BERT", 2018, <see href="https://arxiv.org/abs/1810.04805"/>; other masks in each epoch: Liu et al.,
/// "RoBERTa", 2019, <see href="https://arxiv.org/abs/1907.11692"/>.
/// </para>
/// </remarks>
/// <seealso cref="MaskedLanguageModelTransformer"/>
public sealed class MaskedLanguageModelEstimator : IEstimator<MaskedLanguageModelTransformer>
{
    // The stream of the training's seed that masks come from.
    private const long MaskStream = 313;

    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly MaskedLanguageModelOptions _options;

    internal MaskedLanguageModelEstimator(IHostEnvironment env, MaskedLanguageModelOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(MaskedLanguageModelEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the text column <see cref="MaskedLanguageModelOptions.InputColumnName"/>.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, the tokenizer has no mask, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">A row cannot be used: a text with characters that the tokenizer lacks.</exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public MaskedLanguageModelTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        EncoderColumns columns = _options.Columns;
        columns.Check(input, _options);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            TrainingRun run = trainer.Run;
            using IDisposable stop = EncodingStop.By(run.StopIfCancelled);
            EncoderCodec codec = EncoderTraining.CodecOf(_options, columns.ReadTexts(run, input));
            var masking = new TokenMasking(codec.Tokenizer, _options.Masking, _options.MaskProbability, _options.WholeWords);
            EncoderArchitecture architecture = EncoderTraining.ArchitectureOf(_options, codec);
            IndexBatches batches = Batches(run, Read(run, input, codec, run.DataBudget), masking, isTraining: true);
            IndexBatches? validation = run.ReadValidation(
                data => Batches(run, Read(run, data, codec, run.ValidationBudget), masking, isTraining: false));

            using EncoderTraining training = EncoderTraining.Open(
                trainer, _options, architecture, () => new MaskedTokenHead(architecture),
                (source, head) =>
                {
                    if (source is MaskedLanguageModelTransformer { Networks.Head: { } own })
                        EncoderCopies.CopyCommon(own, head);
                });
            var phase = new TrainingPhase(
                trainer.Prepare("masked-language-model", training.Model), batches, new MaskedLanguageModelObjective(training.Model).Losses)
            {
                Unit = "tokens",
            };
            trainer.Train([phase], validation);
            EncoderNetworks networks = training.Finish();
            EncoderCore core = EncoderCore.Of(networks, codec);
            return new MaskedLanguageModelTransformer(
                _host,
                new MaskedLanguageModelDefinition(
                    core, _options.InputColumnName, _options.OutputColumnName, _options.TransformBatchSize),
                codec, networks, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(inputSchema, [new OutputColumn(_options.OutputColumnName, TextDataViewType.Instance, IsVector: false)]);
    }

    private EncoderExamples Read(TrainingRun run, IDataView data, EncoderCodec codec, long budget)
    {
        using IChannel channel = run.Host.Start("Reading");
        var examples = new EncoderExamples(codec.VocabularySize, texts: 1, budget);
        foreach (EncoderRow row in _options.Columns.Read(run, data))
        {
            examples.Rows = row.Row + 1;
            RowErrors.Name(_options.InputColumnName, row.Row, () =>
            {
                int parts = 0;
                foreach (EncodedText part in codec.EncodeParts(row.Texts[0]))
                {
                    examples.Add(0, part);
                    parts++;
                }

                return parts;
            });
        }

        if (examples.Count == 0)
            throw new ArgumentException($"None of the {examples.Rows} texts has a token.");
        channel.Info($"Read {examples.Tokens:N0} tokens in {examples.Count:N0} sequences.");
        return examples;
    }

    // [batch, time] each: tokens, where they are, targets, and weights of the targets.
    private IndexBatches Batches(TrainingRun run, EncoderExamples examples, TokenMasking masking, bool isTraining)
    {
        long seed = SeedSequence.Derive(run.Seed, MaskStream);
        IndexBatches? batches = null;
        batches = new IndexBatches(
            examples.Count, _options.BatchSize, isTraining && _options.Shuffle ? run.Seed : null, () => examples.Fingerprint,
            chosen =>
            {
                // A validation has the same masks in each epoch.
                long epochSeed = SeedSequence.Derive(seed, isTraining ? batches!.Epoch : -1);
                EncodedText[] texts = [.. chosen.Select(row => examples.TextOf(row))];
                int time = texts.Max(text => text.Ids.Length);
                long[] targets = new long[texts.Length * time];
                Array.Fill(targets, LanguageModelNetwork.NoTarget);
                float[] weights = new float[targets.Length];
                long values = 0;
                for (int i = 0; i < texts.Length; i++)
                {
                    (int start, int length) = (i * time, texts[i].Ids.Length);
                    MaskedText masked = masking.Apply(
                        texts[i].Ids, targets.AsSpan(start, length), new RowRandom(epochSeed, chosen[i]));
                    weights.AsSpan(start, length).Fill((float)masked.Weight);
                    values += masked.Values;
                }

                (torch.Tensor tokens, torch.Tensor isToken) = EncoderRows.PadWithMask(texts, run.Device);
                return new TensorBatch(
                    texts.Length, tokens, isToken, torch.tensor(targets, [texts.Length, time], device: run.Device),
                    torch.tensor(weights, [texts.Length, time], device: run.Device))
                {
                    Weight = values,
                    Samples = texts.Sum(text => (long)text.Ids.Length),
                };
            });
        return batches;
    }
}
