using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>
/// What ML.NET's trainers of multiclass classifiers say of their columns, so that its evaluators and transforms know them.
/// </summary>
internal static class ScoreAnnotations
{
    /// <summary>Of the column with each class's score.</summary>
    /// <param name="input">The schema that the column is added to.</param>
    /// <param name="labels">What the classes stand for, if anything.</param>
    public static DataViewSchema.Annotations OfScores(DataViewSchema input, ClassLabels? labels)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        labels?.AddNamesTo(builder);
        labels?.AddTo(builder, AnnotationUtils.Kinds.TrainingLabelValues);
        AddKinds(builder, input, AnnotationUtils.Const.ScoreValueKind.Score);
        return builder.ToAnnotations();
    }

    /// <summary>Of the column with the class predicted, a key.</summary>
    public static DataViewSchema.Annotations OfPredictedLabel(DataViewSchema input, ClassLabels? labels)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        labels?.AddTo(builder, AnnotationUtils.Kinds.KeyValues);
        AddKinds(builder, input, AnnotationUtils.Const.ScoreValueKind.PredictedLabel);
        return builder.ToAnnotations();
    }

    /// <summary>The promise of <see cref="OfScores"/>.</summary>
    public static SchemaShape ShapeOfScores(PrimitiveDataViewType? labelType) => new([
        .. labelType is null ? [] : (SchemaShape.Column[])[
            Vector(AnnotationUtils.Kinds.SlotNames, TextDataViewType.Instance),
                Vector(AnnotationUtils.Kinds.TrainingLabelValues, labelType)],
        .. AnnotationUtils.GetTrainerOutputAnnotation()]);

    /// <summary>The promise of <see cref="OfPredictedLabel"/>.</summary>
    public static SchemaShape ShapeOfPredictedLabel(PrimitiveDataViewType? labelType) => new([
        .. labelType is null ? [] : (SchemaShape.Column[])[Vector(AnnotationUtils.Kinds.KeyValues, labelType)],
        .. AnnotationUtils.GetTrainerOutputAnnotation()]);

    private static SchemaShape.Column Vector(string name, PrimitiveDataViewType type) =>
        new(name, SchemaShape.Column.VectorKind.Vector, type, isKey: false);

    private static void AddKinds(DataViewSchema.Annotations.Builder builder, DataViewSchema input, string valueKind)
    {
        // Columns of one scoring share a number that no column before them has.
        uint set = input.GetMaxAnnotationKind(out _, AnnotationUtils.Kinds.ScoreColumnSetId) + 1;
        builder.Add(AnnotationUtils.Kinds.ScoreColumnSetId, AnnotationUtils.ScoreColumnSetIdType, (ref uint value) => value = set);
        builder.AddPrimitiveValue(
            AnnotationUtils.Kinds.ScoreColumnKind, TextDataViewType.Instance,
            AnnotationUtils.Const.ScoreColumnKind.MulticlassClassification.AsMemory());
        builder.AddPrimitiveValue(AnnotationUtils.Kinds.ScoreValueKind, TextDataViewType.Instance, valueKind.AsMemory());
    }
}
