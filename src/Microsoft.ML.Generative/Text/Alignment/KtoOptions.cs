using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Alignment;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="KtoEstimator"/>.</summary>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
/// var kto = mlContext.Transforms.Generative().Kto(new KtoOptions
/// {
///     BaseModel = model,
///     LabelColumnName = "IsHelpful",
///     UndesirableWeight = 1.5, // where there are more good completions than bad ones
/// });
/// </code>
/// </example>
public sealed class KtoOptions : AlignmentOptions
{
    internal static new class Defaults
    {
        public const string CompletionColumnName = "Completion";
        public const string LabelColumnName = "Label";
    }

    /// <summary>The text column with a completion of each prompt. Default: Completion.</summary>
    public string CompletionColumnName { get; set; } = Defaults.CompletionColumnName;

    /// <summary>The Boolean column that says whether the completion is good. Default: Label.</summary>
    public string LabelColumnName { get; set; } = Defaults.LabelColumnName;

    /// <summary>
    /// β, above 0: how strongly the policy is held to its reference: smaller moves further away. Default: 0.1.
    /// </summary>
    public double Beta { get; set; } = AlignmentOptions.Defaults.Beta;

    /// <summary>
    /// The weight of good completions, above 0. Times their number, it should be 1 to 4/3 of the same of bad ones. Default: 1.
    /// </summary>
    public double DesirableWeight { get; set; } = 1;

    /// <summary>The weight of bad completions, above 0. Default: 1.</summary>
    public double UndesirableWeight { get; set; } = 1;

    internal KtoColumns Columns => new(PromptColumnName, CompletionColumnName, LabelColumnName);

    internal override KtoOptions Copy() => (KtoOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(CompletionColumnName);
        OptionChecks.NotEmpty(LabelColumnName);
        Columns.Validate();
        OptionChecks.Positive(Beta);
        OptionChecks.Positive(DesirableWeight);
        OptionChecks.Positive(UndesirableWeight);
        if (BatchSize < 2)
        {
            throw new ArgumentOutOfRangeException(
                nameof(BatchSize), BatchSize,
                $"{nameof(BatchSize)} is {BatchSize}; expected 2 or more: the reference point is computed from prompts with completions of "
                + "other rows of the batch.");
        }
    }
}
