using System.Globalization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Images.Rewards;

/// <summary>A score of a fitted model.</summary>
/// <param name="model">The model.</param>
/// <param name="className">The class whose score counts; <see langword="null"/>: that of the image.</param>
/// <param name="scoreColumn">The column of scores.</param>
/// <param name="imageColumn">The column of images.</param>
internal sealed class ModelReward(ITransformer model, string? className, string scoreColumn, string imageColumn) : ImageReward
{
    internal override void Check(IHost host, RewardedImages images)
    {
        DataViewSchema.Column score = FindScores(model.GetOutputSchema(images.ToDataView(host, imageColumn).Schema));
        if (score.Type is VectorDataViewType)
            FindSlots(score, images);
    }

    private protected override double[] Compute(IHost host, RewardedImages images)
    {
        IDataView scored = model.Transform(images.ToDataView(host, imageColumn));
        DataViewSchema.Column score = FindScores(scored.Schema);
        List<double> scores = new(images.Count);
        using DataViewRowCursor cursor = scored.GetRowCursor([score]);
        if (score.Type is VectorDataViewType)
        {
            int[] slots = FindSlots(score, images);
            ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(score);
            VBuffer<float> values = default;
            while (cursor.MoveNext())
            {
                getter(ref values);
                scores.Add(scores.Count < slots.Length ? values.GetItemOrDefault(slots[scores.Count]) : 0);
            }
        }
        else
        {
            ValueGetter<float> getter = cursor.GetGetter<float>(score);
            float value = 0;
            while (cursor.MoveNext())
            {
                getter(ref value);
                scores.Add(value);
            }
        }

        return scores.Count == images.Count ? [.. scores] : throw new InvalidOperationException(
            $"The model of the reward has {scores.Count} scores for {images.Count} images; expected one for each. A pipeline must keep all "
            + "rows.");
    }

    private DataViewSchema.Column FindScores(DataViewSchema schema)
    {
        if (schema.GetColumnOrNull(scoreColumn) is not { } column)
        {
            throw new ArgumentException(
                $"The model of the reward adds no column '{scoreColumn}'; found {string.Join(", ", schema.Select(c => $"'{c.Name}'"))}.");
        }

        bool isScore = column.Type is NumberDataViewType { RawType: var number } && number == typeof(float)
            || column.Type is VectorDataViewType { Size: > 0 } vector && vector.ItemType.RawType == typeof(float);
        return isScore ? column
            : throw new ArgumentException(
                $"Column '{scoreColumn}' of the reward's model has type {column.Type}; expected Single, or a known-size vector of it.");
    }

    // The slot that counts for each image.
    private int[] FindSlots(DataViewSchema.Column score, RewardedImages images)
    {
        int size = ((VectorDataViewType)score.Type).Size;
        if (size == 1)
            return new int[images.Count];
        string[]? names = SlotNames.Of(score);
        if (className is not null)
            return [.. Enumerable.Repeat(Slot(className), images.Count)];
        if (images.ClassNames is null)
        {
            throw new ArgumentException(
                $"Column '{scoreColumn}' of the reward's model has {size} scores, and the images have no classes: name the class whose "
                + $"score is the reward, {Expected()}.");
        }

        return [.. images.ClassNames.Select((name, i) => name is null
            ? throw new ArgumentException($"Image {i} has no class, whose score would be the reward.")
            : Slot(name))];

        int Slot(string name)
        {
            int slot = names is null
                ? int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1
                : Array.IndexOf(names, name);
            return slot >= 0 && slot < size ? slot
                : throw new ArgumentException(
                    $"The class '{name}' is none of column '{scoreColumn}' of the reward's model; expected {Expected()}.");
        }

        string Expected() => names is null ? $"0 to {size - 1}" : string.Join(", ", names.Select(n => $"'{n}'"));
    }
}
