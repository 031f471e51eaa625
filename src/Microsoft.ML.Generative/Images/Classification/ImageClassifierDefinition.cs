using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Classification.Networks;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>An image classifier without its weights.</summary>
internal sealed record ImageClassifierDefinition(
    ImageClassifierArchitecture Architecture, ImageClassifierColumns Columns, ImageClassifierDefaults Defaults)
    : IModelDefinition<ImageClassifierDefinition>
{
    [JsonIgnore]
    public Component<ImageClassifierNetwork> Classifier => new("classifier", () => new ImageClassifierNetwork(Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Classifier];

    /// <param name="options">Checked options.</param>
    /// <param name="shape">The shape of the data's images.</param>
    /// <param name="classCount">The classes of the data.</param>
    /// <param name="classes">What the classes stand for.</param>
    public static ImageClassifierDefinition Of(ImageClassifierOptions options, ImageShape shape, int classCount, ClassLabels? classes) =>
        new(
        ImageClassifierArchitecture.Of(options, shape, classCount),
        ImageClassifierColumns.Of(options) with { Classes = classes },
        new ImageClassifierDefaults(options.TransformBatchSize));

    public static ImageClassifierDefinition ReadOldFormat(JsonObject config) => ImageClassifierOldFormats.Read(config);

    public TensorColumn InputTensor(DataViewSchema schema) =>
        TensorColumn.Features(schema, Columns.Input, Architecture.Shape, ValueRange.Unit);

    public void Validate()
    {
        Architecture.Validate();
        Columns.Validate();
        Defaults.Validate();
        Columns.Classes?.Check(Architecture.ClassCount);
        _ = checked(Architecture.Shape.Size * Defaults.TransformBatchSize);
    }
}

/// <summary>The columns that an image classifier reads and adds.</summary>
internal sealed record ImageClassifierColumns
{
    public required string Input { get; init; }

    public required string PredictedLabel { get; init; }

    public required string Score { get; init; }

    public string? Features { get; init; }

    /// <summary>What the classes stand for; <see langword="null"/>: their numbers alone.</summary>
    public ClassLabels? Classes { get; init; }

    public static ImageClassifierColumns Of(ImageClassifierOptions options) => new()
    {
        Input = options.InputColumnName,
        PredictedLabel = options.PredictedLabelColumnName,
        Score = options.ScoreColumnName,
        Features = options.FeaturesColumnName,
    };

    /// <exception cref="ArgumentException">A name is empty, or two outputs have the same.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.DifferentNames([PredictedLabel, Score], Features);
    }
}

/// <summary>What an image classifier does where nothing else is asked for.</summary>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record ImageClassifierDefaults(int TransformBatchSize)
{
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate() => OptionChecks.RowsAtOnce(TransformBatchSize);
}
