using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a language model on rewards of its own completions by proximal policy optimization, with a value for each token: what the policy
/// expects before it.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Ppo(LanguageModelTransformer, TextReward, string, int)"/> or
/// <see cref="GenerativeTransformsCatalog.Ppo(PpoOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input (Prompt)</term>
/// <description>text: the prompts, which the policy completes in the training and where it transforms rows.</description>
/// </item>
/// <item><term>output (Completion)</term><description>text: the completion of the prompt.</description></item>
/// </list>
/// <para>
/// Task: generation of text · normalization: none needed · caching: not needed (reads once) · GPU: yes · same seed, same weights on the
/// CPU: yes, with rewards that are functions of the texts · exact resume: yes, in the middle of a roll-out too.
/// </para>
/// <para>
/// Each token is a choice; its reward is minus β times its divergence from the base model, and the completion's score at the last one. The
/// trained model does not contain what the values are made with.
/// </para>
/// <para>
/// Schulman et al., "Proximal policy optimization algorithms", 2017, <see href="https://arxiv.org/abs/1707.06347"/>; Ziegler et al.,
/// "Fine-tuning language models from human preferences", 2019, <see href="https://arxiv.org/abs/1909.08593"/>.
/// </para>
/// </remarks>
public sealed class PpoEstimator : IEstimator<LanguageModelTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly PpoOptions _options;

    internal PpoEstimator(IHostEnvironment env, PpoOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(PpoEstimator));
    }

    /// <summary>Trains on the prompts of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the text column <see cref="AlignmentOptions.PromptColumnName"/>.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, an option does not fit it, or a reward cannot score texts.
    /// </exception>
    /// <exception cref="InvalidDataException">A prompt has characters that the tokenizer lacks.</exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, a reward
    /// is not finite, or the loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public LanguageModelTransformer Fit(IDataView input) => RolloutTraining.Fit(
        _env, _host, _options, input, (trainer, policy, watch) =>
        {
            PpoNetwork network = PpoNetwork.Create(trainer, policy, _options);
            return (network, new PpoMethod(policy.Network, network, _options, policy.Codec.VocabularySize, watch));
        });

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => RolloutTraining.Promise(inputSchema, _options);
}
