using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Encoders;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="MaskedLanguageModelEstimator"/>.</summary>
/// <remarks>
/// The loss is −log p(token) in nats, averaged over the tokens to predict; a model that knows nothing begins at the logarithm of its
/// vocabulary. Each epoch masks other tokens of the same texts. Losses count the tokens to predict, or, with
/// <see cref="MaskingKind.OrderAgnostic"/>, all tokens of the texts; speeds count all tokens.
/// </remarks>
/// <example>
/// <code>
/// var masked = mlContext.Transforms.Generative().MaskedLanguageModel(new MaskedLanguageModelOptions
/// {
///     InputColumnName = "Text",
///     Architecture = new EncoderArchitecture { Layers = 2, Heads = 2, ContextLength = 64 },
///     VocabularySize = 2_000,
///     WholeWords = true,
///     MaxSteps = 2_000,
/// });
/// </code>
/// </example>
public sealed class MaskedLanguageModelOptions : EncoderTrainingOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Text";
        public const string OutputColumnName = "Filled";
        public const int Epochs = 10;
        public const double MaskProbability = 0.15;
    }

    /// <summary>Passes over the data, at least 1. Default: 10; on a CPU no more than 2,000 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>
    /// The text column to learn; texts with masks where the model transforms rows. A text with more tokens than
    /// <see cref="EncoderTrainingOptions.MaxTokens"/> is learned in parts. Default: Text.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The output column with the texts, whose masks the most probable tokens have replaced. Default: Filled.</summary>
    public string OutputColumnName { get; set; } = Defaults.OutputColumnName;

    /// <summary>How the tokens to predict are chosen. Default: <see cref="MaskingKind.Bert"/>.</summary>
    public MaskingKind Masking { get; set; } = MaskingKind.Bert;

    /// <summary>
    /// The part of the tokens, or words, that is to be predicted, above 0 to below 1; of <see cref="MaskingKind.Bert"/> alone.
    /// Default: 0.15.
    /// </summary>
    public double MaskProbability { get; set; } = Defaults.MaskProbability;

    /// <summary>
    /// Whether all tokens of a word are masked together, so that a word is not guessed by its other half. Needs a tokenizer that tells
    /// where words begin, as WordPiece's does. Default: false.
    /// </summary>
    public bool WholeWords { get; set; }

    internal override int DefaultEpochs => Defaults.Epochs;

    internal EncoderColumns Columns => new([InputColumnName]);

    internal override MaskedLanguageModelOptions Copy() => (MaskedLanguageModelOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(InputColumnName);
        OptionChecks.NotEmpty(OutputColumnName);
        OptionChecks.Defined(Masking);
        OptionChecks.Positive(MaskProbability);
        OptionChecks.Below(MaskProbability, 1);
        if (Masking != MaskingKind.Bert && MaskProbability != Defaults.MaskProbability)
        {
            throw new ArgumentException(
                $"{nameof(MaskProbability)} is {MaskProbability}, but {nameof(Masking)} is {Masking}, which masks other parts each time.",
                nameof(MaskProbability));
        }
    }
}
