using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a language model on rewards of its own completions by group relative policy optimization: what it learns of a completion is how
/// much better it is than others of the same prompt.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Grpo(LanguageModelTransformer, TextReward, string, int)"/> or
/// <see cref="GenerativeTransformsCatalog.Grpo(GrpoOptions)"/>.
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
/// No network of values is needed. A prompt whose completions all have the same score teaches nothing but the divergence from the base
/// model.
/// </para>
/// <para>
/// Shao et al., "DeepSeekMath: pushing the limits of mathematical reasoning in open language models", 2024,
/// <see href="https://arxiv.org/abs/2402.03300"/>; Yu et al., "DAPO", 2025, <see href="https://arxiv.org/abs/2503.14476"/>; Liu et al.,
/// "Understanding R1-zero-like training", 2025, <see href="https://arxiv.org/abs/2503.20783"/>.
/// </para>
/// </remarks>
public sealed class GrpoEstimator : IEstimator<LanguageModelTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly GrpoOptions _options;

    internal GrpoEstimator(IHostEnvironment env, GrpoOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(GrpoEstimator));
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
            (policy.Network, new GrpoMethod(policy.Network, _options, policy.Codec.VocabularySize, watch)));

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => RolloutTraining.Promise(inputSchema, _options);
}
