using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>A classifier of texts without its weights and its tokenizer.</summary>
/// <param name="Encoder">The encoder.</param>
/// <param name="Columns">The columns.</param>
/// <param name="ClassCount">The number of classes.</param>
/// <param name="Pooling">How the vectors of tokens become one.</param>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record TextClassificationDefinition(
    EncoderCore Encoder, TextClassificationColumns Columns, int ClassCount, EmbeddingPooling Pooling, int TransformBatchSize)
    : IModelDefinition<TextClassificationDefinition>
{
    /// <summary>What the head is made of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ClassificationHeadKind HeadKind { get; init; }

    [JsonIgnore]
    public Component<ClassificationHead> Head =>
        new("class-head", () => new ClassificationHead(Encoder.Architecture, ClassCount, HeadKind));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => Encoder.Components(Head);

    public void Validate()
    {
        Encoder.Validate();
        Columns.Validate();
        OptionChecks.AtLeast(ClassCount, 2);
        OptionChecks.Defined(Pooling);
        OptionChecks.Defined(HeadKind);
        if (Pooling == EmbeddingPooling.Pooler)
            throw new ArgumentException($"{nameof(Pooling)} is {Pooling}; expected another one.", nameof(Pooling));
        OptionChecks.RowsAtOnce(TransformBatchSize);
        Columns.Classes?.Check(ClassCount);
    }
}

/// <summary>The columns that a classifier of texts reads and adds.</summary>
/// <param name="Sentence1">The texts.</param>
/// <param name="Sentence2">The second texts, if there are any.</param>
/// <param name="Score">The probability of each class.</param>
/// <param name="PredictedLabel">The most probable class.</param>
/// <param name="Classes">What the classes stand for; <see langword="null"/>: their numbers alone.</param>
internal sealed record TextClassificationColumns(
    string Sentence1, string? Sentence2, string Score, string PredictedLabel, ClassLabels? Classes = null)
{
    public static TextClassificationColumns Of(TextClassificationOptions options) => new(
        options.Sentence1ColumnName, options.Sentence2ColumnName, options.ScoreColumnName, options.PredictionColumnName);

    /// <exception cref="ArgumentException">A name is empty, or two outputs have the same.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Sentence1);
        OptionChecks.NullOrNotEmpty(Sentence2);
        OptionChecks.DifferentNames([PredictedLabel, Score]);
    }
}
