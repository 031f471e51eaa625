using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>What a model file says of the network beside its weights.</summary>
/// <param name="Options">The options of the training.</param>
/// <param name="Shape">The images.</param>
/// <param name="ClassCount">The classes.</param>
/// <param name="Labels">What they stand for, if anything.</param>
internal sealed record ImageClassifierConfig(ImageClassifierOptions Options, ImageShape Shape, int ClassCount, ClassLabels? Labels)
    : IModelConfig<ImageClassifierNetwork>
{
    /// <summary>Size of the network's numbers.</summary>
    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * ImageClassifierNetwork.CountParameters(Options, Shape, ClassCount));

    public ImageClassifierNetwork CreateNetwork() => new(Options, Shape, ClassCount);

    /// <summary>The images of a data view.</summary>
    public TensorColumn InputTensor(DataViewSchema schema) => TensorColumn.Features(schema, Options.InputColumnName, Shape, ValueRange.Unit);

    /// <exception cref="ArgumentException">A model file could not hold it.</exception>
    public void CheckSize()
    {
        int bytes = JsonSerializer.SerializeToUtf8Bytes(this, ModelConfigJson.Options).Length;
        if (bytes > ModelConfigJson.MaxBytes)
            throw new ArgumentException($"The key values of column '{Options.LabelColumnName}' take {bytes:N0} bytes; expected at most {ModelConfigJson.MaxBytes:N0}.");
    }

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        Options.Validate();
        OptionChecks.AtLeast(ClassCount, 2);
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        if (Labels is { } labels && labels.Values.Length != ClassCount)
            throw new ArgumentException($"{labels.Values.Length} labels do not go with {ClassCount} classes");
        Labels?.AddTo(new DataViewSchema.Annotations.Builder(), AnnotationUtils.Kinds.KeyValues);
        _ = checked(Shape.Size * Options.TransformBatchSize);
        _ = WeightBytes;
    });
}
