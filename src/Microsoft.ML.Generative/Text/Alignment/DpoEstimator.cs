using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a language model on preferences by direct preference optimization: it learns to prefer the better completion of each pair more
/// than the model that it begins as.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Dpo(LanguageModelTransformer, string, string, string, double, int)"/> or
/// <see cref="GenerativeTransformsCatalog.Dpo(DpoOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input (Prompt)</term>
/// <description>text: the prompts; those that the trained model completes where it transforms rows.</description>
/// </item>
/// <item><term>input (Chosen)</term><description>text: the better completion; read by the training only.</description></item>
/// <item><term>input (Rejected)</term><description>text: the worse completion; read by the training only.</description></item>
/// <item><term>output (Completion)</term><description>text: the completion of the prompt.</description></item>
/// </list>
/// <para>
/// Task: generation of text · normalization: none needed · caching: not needed (reads once) · GPU: yes · same seed, same weights on the
/// CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Each pair is encoded as prompt and completion together, with the token that ends a text; the prompt is not learned. What the reference,
/// the base model, says of the pairs is computed once.
/// </para>
/// <para>
/// Rafailov et al., "Direct preference optimization: your language model is secretly a reward model", 2023,
/// <see href="https://arxiv.org/abs/2305.18290"/>.
/// </para>
/// </remarks>
public sealed class DpoEstimator : IEstimator<LanguageModelTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly DpoOptions _options;

    internal DpoEstimator(IHostEnvironment env, DpoOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(DpoEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the columns of prompts, better and worse completions.</param>
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
            var objective = new DpoObjective(policy.Network, _options, new AlignmentWatch(_host));
            IBatchSource batches = objective.Batches(
                run, Read(policy, run, input, run.DataBudget), policy.Reference, _options.Shuffle ? run.Seed : null, run.Group);
            IBatchSource? validationBatches = run.ReadValidation(
                data => objective.Batches(run, Read(policy, run, data, run.ValidationBudget), policy.Reference, null, group: null));
            var phase = new TrainingPhase(trainer.Prepare("policy", policy.Network), batches, objective.Losses) { Unit = "tokens" };
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

    // The last token of a sequence is a target only.
    private PreferencePairs Read(PolicyTraining policy, TrainingRun run, IDataView data, long budget) => PreferencePairs.Read(
        run, data, _options.Columns, policy.Codec, _options.BaseModel!.Architecture.ContextLength + 1, budget);
}
