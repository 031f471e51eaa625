using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>The columns of rows, labels and seeds that options name, with what the options know of them.</summary>
/// <param name="Input">The column of images or feature vectors.</param>
/// <param name="Channels">Channels of the images, if the options know them.</param>
/// <param name="Height">Height of the images, if the options know it.</param>
/// <param name="Width">Width of the images, if the options know it.</param>
internal sealed record RowColumns(string Input, int? Channels, int? Height, int? Width)
{
    // The options' names for all this, which errors name.
    private const string InputName = "InputColumnName";
    private const string LabelName = "LabelColumnName";
    private const string SeedName = "SeedColumnName";

    /// <summary>Whether rows have to be images.</summary>
    public bool AreImages { get; init; }

    /// <summary>The column of classes, if there is one.</summary>
    public string? Label { get; init; }

    /// <summary>Its classes, if the options know their number.</summary>
    public int? LabelCount { get; init; }

    /// <summary>The column of seeds, if there is one.</summary>
    public string? Seed { get; init; }

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input, InputName);
        OptionChecks.NullOrNotEmpty(Label, LabelName);
        OptionChecks.NullOrNotEmpty(Seed, SeedName);
        OptionChecks.AtLeast(LabelCount, 1);
        OptionChecks.AtLeast(Channels, 1);
        OptionChecks.AtLeast(Height, 1);
        OptionChecks.AtLeast(Width, 1);
        if (LabelCount is not null && Label is null)
            throw new ArgumentException($"{nameof(LabelCount)} is {LabelCount}, but there is no {LabelName}.", nameof(LabelCount));
    }

    /// <summary>Checks that a schema promises the columns.</summary>
    /// <exception cref="ArgumentException">A column is missing or of another type; the message names it.</exception>
    public void Check(SchemaShape schema)
    {
        if (AreImages)
            ColumnTypes.CheckImages(schema, Input);
        else
            ColumnTypes.CheckFeatures(schema, Input);
        if (Label is not null)
            ColumnTypes.CheckLabel(schema, Label);
        if (Seed is not null)
            ColumnTypes.CheckSeed(schema, Seed);
    }

    /// <summary>The rows of the data: images, or vectors without a shape.</summary>
    /// <exception cref="ArgumentException">The column is missing or of another type, or contradicts the options.</exception>
    public RowShape FindRow(IDataView data)
    {
        ImageShape? image = ColumnTypes.FindShape(data, Input, Channels, Height, Width);
        return new RowShape(image, image?.Size ?? ColumnTypes.FeatureCount(ColumnTypes.Find(data.Schema, Input)));
    }

    /// <summary>The images of the data.</summary>
    /// <exception cref="ArgumentException">
    /// The column is missing or of another type, contradicts the options, or the shape of its images is unknown.
    /// </exception>
    public ImageShape FindImages(IDataView data) => FindRow(data).Image ?? throw ColumnTypes.NoShape(Input);

    /// <summary>The classes of the data; none where the options name no column of them.</summary>
    /// <param name="data">The data.</param>
    /// <param name="ofBase">
    /// The classes of the model that a training continues from, which stay as they are; the data's are matched with them.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The column is missing or of another type, does not tell its classes, or has others than the options say.
    /// </exception>
    public LabelClasses FindClasses(IDataView data, ClassLabels? ofBase = null)
    {
        if (Label is null)
            return default;
        ColumnTypes.CheckLabel(SchemaShape.Create(data.Schema), Label);
        if (ofBase is not null)
            return new LabelClasses(ofBase.Values.Length, ofBase);
        int count = LabelCounts.Find(data, Label, LabelCount);
        ClassLabels? labels = ClassLabels.Of(data.Schema[Label], count);
        return labels is null || labels.Values.Length == count ? new LabelClasses(count, labels)
            : throw ColumnTypes.Mismatch($"Column '{Label}' has {labels.Values.Length} classes; {nameof(LabelCount)} is {count}.");
    }
}
