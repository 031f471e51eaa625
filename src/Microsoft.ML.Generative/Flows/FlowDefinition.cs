using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Flows;

/// <summary>A normalizing flow without its weights.</summary>
internal sealed record FlowDefinition(FlowArchitecture Architecture, FlowColumns Columns, FlowDefaults Defaults)
    : IModelDefinition<FlowDefinition>
{
    [JsonIgnore]
    public Component<FlowNetwork> Flow => new("flow", () => new FlowNetwork(Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Flow];

    [JsonIgnore]
    public ConditionSet Conditions => Columns.Conditions(Architecture.LabelCount);

    public void Validate()
    {
        Architecture.Validate();
        Columns.Validate();
        Defaults.Validate();
        SlotNames.Check(Columns.Slots, Architecture.Row.Size);
        _ = Conditions;
    }
}

/// <summary>The columns that a normalizing flow reads and adds.</summary>
internal sealed record FlowColumns : RowModelColumns
{
    public required string Latent { get; init; }

    public required string NegativeLogDensity { get; init; }

    public static FlowColumns Of(FlowOptions options) => new()
    {
        Input = options.InputColumnName,
        Label = options.LabelColumnName,
        Latent = options.LatentColumnName,
        NegativeLogDensity = options.NegativeLogDensityColumnName,
    };

    public override void Validate()
    {
        base.Validate();
        OptionChecks.DifferentNames([Latent, NegativeLogDensity]);
    }
}

/// <summary>What a normalizing flow does where nothing else is asked for.</summary>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record FlowDefaults(int TransformBatchSize)
{
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate() => OptionChecks.RowsAtOnce(TransformBatchSize);
}
