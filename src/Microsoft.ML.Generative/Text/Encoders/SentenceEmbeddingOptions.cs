using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Encoders;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="SentenceEmbeddingEstimator"/>.</summary>
/// <remarks>
/// What the training learns follows from the columns:
/// <list type="bullet">
/// <item>
/// With <see cref="PairColumnName"/>, each text is to be nearer to its pair than to the pairs of all other rows of its batch (multiple
/// negatives ranking; Henderson et al. 2017), and to the texts of <see cref="NegativeColumnName"/>, if there are any. Large batches make
/// this harder, and the embeddings better.
/// </item>
/// <item>
/// With <see cref="ScoreColumnName"/> too, the cosine of a text and its pair is to be the score; the loss is their squared difference.
/// </item>
/// <item>With neither, a text is its own pair, in which dropout leaves out other values (SimCSE; Gao et al. 2021).</item>
/// </list>
/// </remarks>
/// <example>
/// <code>
/// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
/// var embedding = mlContext.Transforms.Generative().SentenceEmbedding(new SentenceEmbeddingOptions
/// {
///     BaseModel = encoder,
///     InputColumnName = "Question",
///     PairColumnName = "Answer",
///     BatchSize = 64,
///     Epochs = 1,
/// });
/// </code>
/// </example>
public sealed class SentenceEmbeddingOptions : EncoderTrainingOptions
{
    internal static new class Defaults
    {
        public const string OutputColumnName = "Embedding";
        public const string InputColumnName = "Text";
        public const int Epochs = 3;
    }

    /// <summary>Passes over the data, at least 1. Default: 3; on a CPU no more than 2,000 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>The output column with the vector. Default: Embedding.</summary>
    public string OutputColumnName { get; set; } = Defaults.OutputColumnName;

    /// <summary>The text column: what the trained model reads. Default: Text.</summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The text column with what is to be near to each text; read by the training only. Default: none.</summary>
    public string? PairColumnName { get; set; }

    /// <summary>
    /// The text column with what is to be far from each text although it looks near (hard negatives); read by the training only. Needs
    /// <see cref="PairColumnName"/>. Default: none.
    /// </summary>
    public string? NegativeColumnName { get; set; }

    /// <summary>
    /// The column of Single with how near the texts of a row are to be, −1 to 1; read by the training only. Needs
    /// <see cref="PairColumnName"/>. Default: none.
    /// </summary>
    public string? ScoreColumnName { get; set; }

    /// <summary>
    /// How the vectors of a text's tokens become one. Default: as <see cref="EncoderTrainingOptions.BaseModel"/> does it, else
    /// <see cref="EmbeddingPooling.Mean"/>.
    /// </summary>
    public EmbeddingPooling? Pooling { get; set; }

    /// <summary>Whether vectors have the length 1, so that their scalar product is the cosine. Default: true.</summary>
    public bool Normalize { get; set; } = true;

    /// <summary>What cosines are multiplied with where they are compared with those of other rows, above 0. Default: 20.</summary>
    public double Scale { get; set; } = 20;

    internal override int DefaultEpochs => Defaults.Epochs;

    internal EmbeddingPooling ActualPooling =>
        Pooling ?? (BaseModel as SentenceEmbeddingTransformer)?.Pooling ?? EmbeddingPooling.Mean;

    internal override bool KeepsPooler => ActualPooling == EmbeddingPooling.Pooler;

    internal EncoderColumns Columns =>
        new([.. new[] { InputColumnName, PairColumnName, NegativeColumnName }.OfType<string>()]) { Score = ScoreColumnName };

    internal override SentenceEmbeddingOptions Copy() => (SentenceEmbeddingOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(OutputColumnName);
        OptionChecks.NotEmpty(InputColumnName);
        OptionChecks.NullOrNotEmpty(PairColumnName);
        OptionChecks.NullOrNotEmpty(NegativeColumnName);
        OptionChecks.NullOrNotEmpty(ScoreColumnName);
        OptionChecks.Defined(Pooling);
        OptionChecks.Positive(Scale);
        Columns.Validate();
        if (PairColumnName is null && (NegativeColumnName ?? ScoreColumnName) is { } column)
        {
            throw new ArgumentException(
                $"{(NegativeColumnName is null ? nameof(ScoreColumnName) : nameof(NegativeColumnName))} is {Quoted.Text(column)}, but "
                + $"there is no {nameof(PairColumnName)}.", nameof(PairColumnName));
        }

        if (NegativeColumnName is not null && ScoreColumnName is not null)
        {
            throw new ArgumentException(
                $"{nameof(NegativeColumnName)} is {Quoted.Text(NegativeColumnName)}, and {nameof(ScoreColumnName)} "
                + $"{Quoted.Text(ScoreColumnName)}; expected one of them: scores are of a text and its pair.", nameof(NegativeColumnName));
        }
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        if (ScoreColumnName is null && BatchSize < 2)
        {
            throw new ArgumentException(
                $"{nameof(BatchSize)} is {BatchSize}; expected 2 or more, whose texts are compared with each other, or a "
                + $"{nameof(ScoreColumnName)}.", nameof(BatchSize));
        }

        if (BaseModel is { } model && KeepsPooler && TrainsAdapter)
            SentenceEmbeddingDefinition.CheckPooling(ActualPooling, model.Architecture);
        if (PairColumnName is null && Dropout == 0)
        {
            throw new ArgumentException(
                $"{nameof(Dropout)} is 0, and there is no {nameof(PairColumnName)}: a text and its copy would be the same. Set one.",
                nameof(Dropout));
        }
    }
}
