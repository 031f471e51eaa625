using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Trains a reward model on pairs of texts of which one is better: it gives texts a score, higher for better ones.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.RewardModel(string, string, string, LanguageModelTransformer, int)"/> or
/// <see cref="GenerativeTransformsCatalog.RewardModel(RewardModelOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Chosen)</term><description>text: the better text; what the trained model scores.</description></item>
/// <item><term>input (Rejected)</term><description>text: the worse text; read by the training only.</description></item>
/// <item><term>input, optional (none)</term><description>text: the prompt that the texts answer.</description></item>
/// <item>
/// <term>input, optional (none)</term>
/// <description>Single: the least difference of the scores; read by the training only.</description>
/// </item>
/// <item><term>output (Score)</term><description>Single: the score.</description></item>
/// </list>
/// <para>
/// Task: ranking of texts · normalization: none needed · caching: not needed (reads once) · GPU: yes · same seed, same weights on the CPU:
/// yes · exact resume: yes.
/// </para>
/// <para>
/// The network is that of the language model with a linear layer that makes the score of the hidden state at the last token. That layer
/// begins with random weights: a reward model has to be trained before its scores mean anything.
/// </para>
/// <para>
/// Ouyang et al., "Training language models to follow instructions with human feedback", 2022,
/// <see href="https://arxiv.org/abs/2203.02155"/>; Stiennon et al., "Learning to summarize from human feedback", 2020,
/// <see href="https://arxiv.org/abs/2009.01325"/>.
/// </para>
/// </remarks>
/// <seealso cref="RewardModelTransformer"/>
public sealed class RewardModelEstimator : IEstimator<RewardModelTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly RewardModelOptions _options;

    internal RewardModelEstimator(IHostEnvironment env, RewardModelOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(RewardModelEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">
    /// Data with the columns <see cref="RewardModelOptions.ChosenColumnName"/> and <see cref="RewardModelOptions.RejectedColumnName"/>.
    /// </param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: a text with characters that the tokenizer lacks, or a margin that is not finite.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public RewardModelTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        _options.Columns.Check(SchemaShape.Create(input.Schema));
        _options.CheckValidation(_options.Columns.Check);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            TextCodec codec = _options.RewardModel?.Codec ?? _options.BaseModel!.Codec;
            int context = (_options.RewardModel?.Architecture ?? _options.BaseModel!.Architecture).ContextLength;
            TrainingRun run = trainer.Run;
            using IDisposable stop = EncodingStop.By(run.StopIfCancelled);
            PreferencePairs pairs = PreferencePairs.Read(run, input, _options.Columns, codec, context, run.DataBudget);
            IBatchSource batches = Batches(run, pairs, _options.Shuffle ? run.Seed : null);
            IBatchSource? validationBatches = run.ReadValidation(
                data => Batches(run, PreferencePairs.Read(run, data, _options.Columns, codec, context, run.ValidationBudget), null));

            using RewardTraining training = RewardTraining.Open(trainer, _options);
            var phase = new TrainingPhase(
                trainer.Prepare("reward-model", training.Network), batches,
                new RewardObjective(training.Network, _options.CenteringCoefficient).Losses)
            {
                Unit = "tokens",
            };
            trainer.Train([phase], validationBatches);
            RewardModelNetworks networks = training.Finish();
            var definition = new RewardModelDefinition(
                networks.Decoder.Base.Architecture, RewardModelColumns.Of(_options), _options.TransformBatchSize);
            return new RewardModelTransformer(_host, definition, codec, networks, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(inputSchema, RewardModelTransformer.OutputColumns(RewardModelColumns.Of(_options)));
    }

    // [pairs, 2, time], [pairs, 2] and [pairs].
    private IndexBatches Batches(TrainingRun run, PreferencePairs pairs, long? shuffleSeed) =>
        new(pairs.Count, _options.BatchSize, shuffleSeed, () => pairs.Fingerprint, chosen =>
        {
            int[][] rows = [.. pairs.SpansOf(chosen).Select(pairs.Corpus.TokensOf)];
            (torch.Tensor sequences, torch.Tensor last) = TokenRows.Pad(rows, run.Device);
            torch.Tensor margins = torch.tensor(Array.ConvertAll(chosen, pair => pairs.Margins[(int)pair]), device: run.Device);
            return new TensorBatch(chosen.Length, sequences.view(chosen.Length, 2, -1), last.view(-1, 2), margins)
            {
                Samples = rows.Sum(row => (long)row.Length),
            };
        });
}
