using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains an encoder–decoder of the T5 family on pairs of texts: it reads one, its source, and writes the other, such as a summary, a
/// translation or code.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.SequenceToSequence(string, string, string, int)"/> or
/// <see cref="GenerativeTransformsCatalog.SequenceToSequence(SequenceToSequenceOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Text)</term><description>text: the sources.</description></item>
/// <item><term>input (Target)</term><description>text: the target of each; read by the training only.</description></item>
/// <item><term>output (Output)</term><description>text: what the model writes.</description></item>
/// </list>
/// <para>
/// Task: texts from texts · normalization: none needed · caching: not needed (reads once) · GPU: yes · same seed, same weights on the CPU:
/// yes · exact resume: yes.
/// </para>
/// <para>
/// Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2020,
/// <see href="https://arxiv.org/abs/1910.10683"/>.
/// </para>
/// </remarks>
/// <seealso cref="SequenceToSequenceTransformer"/>
public sealed class SequenceToSequenceEstimator : IEstimator<SequenceToSequenceTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly SequenceToSequenceOptions _options;

    internal SequenceToSequenceEstimator(IHostEnvironment env, SequenceToSequenceOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(SequenceToSequenceEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The rows. The columns are read once.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">A text has characters that the tokenizer lacks.</exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public SequenceToSequenceTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        CheckColumns(SchemaShape.Create(input.Schema));
        _options.CheckValidation(CheckColumns);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            SequenceToSequenceArchitecture asked = _options.BaseModel?.Architecture ?? _options.Architecture;
            // An adapter needs the weights of its base model once.
            if (!_options.TrainsAdapter)
            {
                trainer.CheckSize(
                    () => new SequenceToSequenceNetwork(asked with { VocabularySize = Math.Max(1, asked.VocabularySize) }));
            }

            TrainingRun run = trainer.Run;
            using IDisposable stop = EncodingStop.By(run.StopIfCancelled);
            SequenceToSequenceOptions options = _options.Copy();
            TextCodec codec = CodecOf(run, input);
            SequenceTokens tokens = SequenceTokens.Of(codec);
            int start = options.BaseModel?.StartTokenId ?? tokens.Start;
            options.Architecture = _options.BaseModel?.Architecture ?? WithVocabulary(_options.Architecture, codec, tokens);

            var data = new SequenceToSequenceData(run, options, codec, tokens with { Start = start });
            IBatchSource batches = data.Read(input, run.DataBudget, isTraining: true);
            IBatchSource? validationBatches = run.ReadValidation(other => data.Read(other, run.ValidationBudget, isTraining: false));
            using AdapterTraining<SequenceToSequenceNetwork>? adapters = options.TrainsAdapter ? OpenAdapters(trainer, options) : null;
            SequenceToSequenceNetwork network = adapters?.Network
                ?? trainer.CreateNetwork(() => new SequenceToSequenceNetwork(
                    options.Architecture, options.Dropout, usesRecompute: options.GradientCheckpointing));
            var phase = new TrainingPhase(
                trainer.Prepare("encoder-decoder", network, options), batches, (_, batch) => LossesOf(network, batch))
            {
                Unit = "tokens",
            };
            trainer.Train([phase], validationBatches);
            var definition = new SequenceToSequenceDefinition(
                options.Architecture, new SequenceToSequenceColumns(options.InputColumnName, options.OutputColumnName),
                new SequenceToSequenceDefaults
                {
                    Generation = options.Generation,
                    Prefix = options.Prefix,
                    MaxSourceTokens = options.MaxSourceTokens,
                    StartToken = start,
                    OtherEnds = [.. codec.OtherEnds],
                    TransformBatchSize = options.TransformBatchSize,
                    Seed = trainer.Seed,
                });
            return new SequenceToSequenceTransformer(
                _host, definition, codec, adapters?.Finish() ?? new AdaptedNetwork<SequenceToSequenceNetwork>(network), trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        CheckColumns(inputSchema);
        return OutputColumn.Promise(inputSchema, SequenceToSequenceTransformer.OutputColumns(
            new SequenceToSequenceColumns(_options.InputColumnName, _options.OutputColumnName)));
    }

    private static AdapterTraining<SequenceToSequenceNetwork> OpenAdapters(Trainer trainer, SequenceToSequenceOptions options)
    {
        SequenceToSequenceTransformer model = options.BaseModel!;
        using IDisposable use = model.Use();
        return AdapterTraining<SequenceToSequenceNetwork>.Open(
            trainer, model.Networks.Select(null), options.Adapter, model.Networks.Active,
            network => SequenceToSequenceCopies.Share(network, options.Dropout, options.GradientCheckpointing));
    }

    private static Losses LossesOf(SequenceToSequenceNetwork network, TensorBatch batch)
    {
        (torch.Tensor loss, torch.Tensor isMostProbable) = network.Score(batch[0], batch[1], batch[2], batch[3]);
        using IDisposable noGradient = torch.no_grad();
        torch.Tensor right = isMostProbable.sum(torch.ScalarType.Float32).Over(batch.Weight);
        return new Losses(loss, ("accuracy", right));
    }

    private void CheckColumns(SchemaShape schema)
    {
        ColumnTypes.CheckText(schema, _options.InputColumnName);
        if (_options.SpanCorruption is null)
            ColumnTypes.CheckText(schema, _options.TargetColumnName);
    }

    private TextCodec CodecOf(TrainingRun run, IDataView input)
    {
        if (_options.BaseModel is { } model)
            return model.Codec;
        if (_options.Tokenizer is { } tokenizer)
        {
            return TextCodec.Of(
                tokenizer, _options.Architecture.VocabularySize,
                $"{nameof(SequenceToSequenceArchitecture.VocabularySize)} of {nameof(SequenceToSequenceOptions.Architecture)}");
        }

        IEnumerable<string> texts = _options.SpanCorruption is null
            ? TextColumn.RequireText(
                SequencePairs.ReadTexts(run, input, _options).SelectMany(pair => (string[])[_options.Prefix + pair.Source, pair.Target]),
                _options.InputColumnName, _options.TargetColumnName)
            : TextColumn.RequireText(TextColumn.Read(input, _options.InputColumnName), _options.InputColumnName);
        return TextCodec.Train(texts, _options.VocabularySize);
    }

    private static SequenceToSequenceArchitecture WithVocabulary(
        SequenceToSequenceArchitecture architecture, TextCodec codec, SequenceTokens tokens)
    {
        if (architecture.VocabularySize == 0)
            return architecture with { VocabularySize = tokens.VocabularySize };
        int needed = Math.Max(codec.VocabularySize, tokens.Start + 1);
        return architecture.VocabularySize >= needed ? architecture : throw new ArgumentException(
            $"{nameof(SequenceToSequenceArchitecture.VocabularySize)} of {nameof(SequenceToSequenceOptions.Architecture)} is "
            + $"{architecture.VocabularySize}, but the tokenizer has {codec.VocabularySize} tokens, and with one that begins outputs "
            + $"{needed} are needed.");
    }
}
