using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>A generator without its weights.</summary>
internal sealed record GanDefinition(GanArchitecture Architecture, GanColumns Columns, GanDefaults Defaults)
    : IModelDefinition<GanDefinition>
{
    /// <exception cref="ArgumentException">Architecture and columns contradict each other.</exception>
    [JsonIgnore]
    public ConditionSet Conditions => Columns.Conditions(Architecture.LabelCount);

    [JsonIgnore]
    public Component<GeneratorNetwork> Generator => new("generator", Architecture.CreateGenerator);

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Generator];

    public static GanDefinition Of(GanOptions options, RowShape row, int labelCount, long seed) => new(
        GanArchitecture.Of(options, row, labelCount), GanColumns.Of(options), GanDefaults.Of(options, seed));

    public static GanDefinition ReadOldFormat(JsonObject config) => GanOldFormats.Read(config);

    public void Validate()
    {
        Architecture.Validate();
        Columns.Validate();
        Defaults.Validate();
        SlotNames.Check(Columns.Slots, Architecture.Row.Size);
        _ = Conditions;
    }
}

/// <summary>The columns that a generator reads and adds.</summary>
internal sealed record GanColumns : RowModelColumns
{
    public string? Seed { get; init; }

    public required string Generated { get; init; }

    /// <summary>The column of <see cref="Generated"/> as images of ML.NET, if there is one.</summary>
    public string? GeneratedImage { get; init; }

    public static GanColumns Of(GanOptions options) => new()
    {
        Input = options.InputColumnName,
        Label = options.LabelColumnName,
        Seed = options.SeedColumnName,
        Generated = options.GeneratedColumnName,
        GeneratedImage = options.GeneratedImageColumnName,
    };

    public override void Validate()
    {
        base.Validate();
        OptionChecks.NullOrNotEmpty(Seed);
        OptionChecks.DifferentNames([Generated], GeneratedImage);
    }
}

/// <summary>What a generator does where nothing else is asked for.</summary>
/// <param name="Truncation">How far the values of z may be from 0 where rows are transformed.</param>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
/// <param name="Seed">Of the noise of rows that are transformed.</param>
internal sealed record GanDefaults(double? Truncation, int TransformBatchSize, long Seed)
{
    public static GanDefaults Of(GanOptions options, long seed) => new(options.Truncation, options.TransformBatchSize, seed);

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        OptionChecks.AtLeast(Truncation ?? 1, GanOptions.LowestTruncation, nameof(Truncation));
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }
}
