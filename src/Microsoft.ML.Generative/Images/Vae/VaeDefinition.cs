using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>A variational autoencoder without its weights.</summary>
internal sealed record VaeDefinition(VaeArchitecture Architecture, VaeColumns Columns, VaeDefaults Defaults)
    : IModelDefinition<VaeDefinition>
{
    /// <exception cref="ArgumentException">Architecture and columns contradict each other.</exception>
    [JsonIgnore]
    public ConditionSet Conditions => Columns.Conditions(Architecture.LabelCount);

    [JsonIgnore]
    public Component<VaeNetwork> Autoencoder => new("autoencoder", () => new VaeNetwork(Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Autoencoder];

    public static VaeDefinition Of(VaeOptions options, RowShape row, int labelCount, long seed) => new(
        VaeArchitecture.Of(options, row, labelCount), VaeColumns.Of(options), VaeDefaults.Of(options, seed));

    public static VaeDefinition ReadOldFormat(JsonObject config) => VaeOldFormats.Read(config);

    public void Validate()
    {
        Architecture.Validate();
        Columns.Validate();
        Defaults.Validate();
        SlotNames.Check(Columns.Slots, Architecture.Row.Size);
        _ = Conditions;
    }
}

/// <summary>The columns that a variational autoencoder reads and adds.</summary>
internal sealed record VaeColumns : RowModelColumns
{
    public required string Latent { get; init; }

    public required string Reconstruction { get; init; }

    /// <summary>The column of <see cref="Reconstruction"/> as images of ML.NET, if there is one.</summary>
    public string? ReconstructionImage { get; init; }

    public required string ReconstructionError { get; init; }

    public required string NegativeElbo { get; init; }

    public static VaeColumns Of(VaeOptions options) => new()
    {
        Input = options.InputColumnName,
        Label = options.LabelColumnName,
        Latent = options.LatentColumnName,
        Reconstruction = options.ReconstructionColumnName,
        ReconstructionImage = options.ReconstructionImageColumnName,
        ReconstructionError = options.ReconstructionErrorColumnName,
        NegativeElbo = options.NegativeElboColumnName,
    };

    public override void Validate()
    {
        base.Validate();
        OptionChecks.DifferentNames([Latent, Reconstruction, ReconstructionError, NegativeElbo], ReconstructionImage);
    }
}

/// <summary>What a variational autoencoder does where nothing else is asked for.</summary>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
/// <param name="Seed">Of the noise of rows that are transformed.</param>
internal sealed record VaeDefaults(int TransformBatchSize, long Seed)
{
    /// <summary>Bytes that the rows of an evaluation may take: those of the training, in its own process.</summary>
    [JsonIgnore]
    public long RowMemory { get; init; } = TrainingOptions.DefaultRowMemory;

    public static VaeDefaults Of(VaeOptions options, long seed) => new(options.TransformBatchSize, seed) { RowMemory = options.RowMemory };

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate() => OptionChecks.RowsAtOnce(TransformBatchSize);
}
