using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Encoders;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="TextClassificationEstimator"/>.</summary>
/// <remarks>
/// The loss is −log p(label) in nats, the mean over the rows; a model that knows nothing begins at the logarithm of the number of classes.
/// The names of columns are those of Microsoft.ML.TorchSharp's text classification.
/// </remarks>
/// <example>
/// <code>
/// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/bert-base-uncased");
/// var classification = mlContext.Transforms.Generative().TextClassification(new TextClassificationOptions
/// {
///     BaseModel = encoder,
///     Sentence1ColumnName = "Text",
///     FrozenLayers = 6,
///     Epochs = 3,
/// });
/// </code>
/// </example>
public sealed class TextClassificationOptions : EncoderTrainingOptions
{
    internal static new class Defaults
    {
        public const string LabelColumnName = "Label";
        public const string Sentence1ColumnName = "Sentence1";
        public const string ScoreColumnName = "Score";
        public const string PredictionColumnName = "PredictedLabel";
        public const int Epochs = 10;
        public const int BatchSize = 32;
    }

    /// <summary>Passes over the data, at least 1. Default: 10; on a CPU no more than 2,000 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>Rows that go through the network at once, at least 1. Default: 32.</summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>
    /// The column of classes, a key, Boolean or whole number from 0; read by the training only. Default: Label.
    /// </summary>
    public string LabelColumnName { get; set; } = Defaults.LabelColumnName;

    /// <summary>The text column. Default: Sentence1.</summary>
    public string Sentence1ColumnName { get; set; } = Defaults.Sentence1ColumnName;

    /// <summary>
    /// The text column of second texts, where two texts are classified together, such as a question and an answer. Default: none.
    /// </summary>
    public string? Sentence2ColumnName { get; set; }

    /// <summary>The output column with the probability of each class. Default: Score.</summary>
    public string ScoreColumnName { get; set; } = Defaults.ScoreColumnName;

    /// <summary>The output column with the most probable class, a key. Default: PredictedLabel.</summary>
    public string PredictionColumnName { get; set; } = Defaults.PredictionColumnName;

    /// <summary>The number of classes, at least 2. Default: what the label column says.</summary>
    public int? LabelCount { get; set; }

    /// <summary>
    /// How the vectors of a text's tokens become one. Default: as <see cref="EncoderTrainingOptions.BaseModel"/> does it, else
    /// <see cref="EmbeddingPooling.FirstToken"/>. <see cref="EmbeddingPooling.Pooler"/> is the same as that: the classifier has the
    /// pooler's layer of its own, which begins with that of the base model.
    /// </summary>
    public EmbeddingPooling? Pooling { get; set; }

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override IReadOnlyList<string> SizeOptions => [.. base.SizeOptions, nameof(LabelCount)];

    internal EmbeddingPooling ActualPooling => (Pooling ?? BaseModel switch
    {
        SentenceEmbeddingTransformer embedding => embedding.Pooling,
        TextClassificationTransformer classifier => classifier.Definition.Pooling,
        _ => EmbeddingPooling.FirstToken,
    }) switch
    {
        EmbeddingPooling.Pooler => EmbeddingPooling.FirstToken,
        EmbeddingPooling kind => kind,
    };

    internal EncoderColumns Columns =>
        new([.. new[] { Sentence1ColumnName, Sentence2ColumnName }.OfType<string>()]) { Label = LabelColumnName };

    internal RowColumns LabelColumns =>
        new(Sentence1ColumnName, null, null, null) { Label = LabelColumnName, LabelCount = LabelCount };

    internal override TextClassificationOptions Copy() => (TextClassificationOptions)base.Copy();

    internal override void TakeFromBase()
    {
        base.TakeFromBase();
        if (BaseModel is not TextClassificationTransformer model)
            return;
        if (LabelCount is { } count && count != model.ClassCount)
        {
            throw new ArgumentException(
                $"{nameof(LabelCount)} is {count}, but the base model has {model.ClassCount} classes.", nameof(LabelCount));
        }

        LabelCount = model.ClassCount;
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(LabelColumnName);
        OptionChecks.NotEmpty(Sentence1ColumnName);
        OptionChecks.NullOrNotEmpty(Sentence2ColumnName);
        OptionChecks.DifferentNames([PredictionColumnName, ScoreColumnName]);
        OptionChecks.AtLeast(LabelCount, 2);
        OptionChecks.Defined(Pooling);
        Columns.Validate();
    }
}
