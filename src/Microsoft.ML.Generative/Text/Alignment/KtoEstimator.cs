using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a language model on completions that are good or bad in themselves, by Kahneman–Tversky optimization: no pairs are needed.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Kto(LanguageModelTransformer, string, string, string, double, int)"/> or
/// <see cref="GenerativeTransformsCatalog.Kto(KtoOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input (Prompt)</term>
/// <description>text: the prompts; those that the trained model completes where it transforms rows.</description>
/// </item>
/// <item><term>input (Completion)</term><description>text: a completion; read by the training only.</description></item>
/// <item><term>input (Label)</term><description>Boolean: whether it is good; read by the training only.</description></item>
/// <item><term>output (Completion)</term><description>text: the model's completion of the prompt.</description></item>
/// </list>
/// <para>
/// Task: generation of text · normalization: none needed · caching: not needed (reads once) · GPU: yes · same seed, same weights on the
/// CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Good completions are to become more probable than a reference point, and bad ones less: how far the policy is from the base model on
/// prompts with the completions of other rows.
/// </para>
/// <para>
/// Ethayarajh et al., "KTO: model alignment as prospect theoretic optimization", 2024, <see href="https://arxiv.org/abs/2402.01306"/>.
/// </para>
/// </remarks>
public sealed class KtoEstimator : IEstimator<LanguageModelTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly KtoOptions _options;

    internal KtoEstimator(IHostEnvironment env, KtoOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(KtoEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the columns of prompts, completions and labels.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty or has one row, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">A text has characters that the tokenizer lacks.</exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public LanguageModelTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        _options.Columns.Check(SchemaShape.Create(input.Schema));
        _options.CheckValidation(_options.Columns.Check);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            TrainingRun run = trainer.Run;
            using IDisposable stop = EncodingStop.By(run.StopIfCancelled);
            using PolicyTraining policy = PolicyTraining.Open(trainer, _options);
            IBatchSource batches = Batches(policy, run, input, run.DataBudget, _options.Shuffle ? run.Seed : null);
            IBatchSource? validationBatches = run.ReadValidation(data => Batches(policy, run, data, run.ValidationBudget, null));
            var objective = new KtoObjective(policy.Network, _options, run.Group);
            var phase = new TrainingPhase(trainer.Prepare("policy", policy.Network), batches, objective.Losses)
            {
                BeforeLosses = objective.BeginStep,
                Unit = "tokens",
            };
            trainer.Train([phase], validationBatches, policy.Preview(run));
            return policy.Finish(_host, trainer);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return PolicyTraining.Promise(inputSchema, _options);
    }

    private IBatchSource Batches(PolicyTraining policy, TrainingRun run, IDataView data, long budget, long? shuffleSeed) =>
        KtoData.Read(run, data, _options.Columns, policy.Codec, _options.BaseModel!.Architecture.ContextLength, budget)
            .Batches(run, policy.Reference, _options.BatchSize, shuffleSeed);
}
