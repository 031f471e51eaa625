using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>A VQ-VAE without its weights.</summary>
internal sealed record VqVaeDefinition(VqVaeArchitecture Architecture, VqVaeColumns Columns, VqVaeDefaults Defaults)
    : IModelDefinition<VqVaeDefinition>
{
    [JsonIgnore]
    public Component<VqVaeAutoencoder> Autoencoder => new("autoencoder", () => new VqVaeAutoencoder(Architecture));

    [JsonIgnore]
    public Component<CodePriorNetwork> Prior => new("prior", () => new CodePriorNetwork(Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Autoencoder, Prior];

    public static VqVaeDefinition Of(VqVaeOptions options, ImageShape shape) => new(
        VqVaeArchitecture.Of(options, shape), VqVaeColumns.Of(options), new VqVaeDefaults(options.TransformBatchSize));

    public static VqVaeDefinition ReadOldFormat(JsonObject config) => VqVaeOldFormats.Read(config);

    public void Validate()
    {
        Architecture.Validate();
        Columns.Validate();
        Defaults.Validate();
    }
}

/// <summary>The columns that a VQ-VAE reads and adds.</summary>
internal sealed record VqVaeColumns
{
    public required string Input { get; init; }

    public required string Codes { get; init; }

    public required string Reconstruction { get; init; }

    /// <summary>The column of <see cref="Reconstruction"/> as images of ML.NET, if there is one.</summary>
    public string? ReconstructionImage { get; init; }

    public required string ReconstructionError { get; init; }

    public required string NegativeLogPrior { get; init; }

    public static VqVaeColumns Of(VqVaeOptions options) => new()
    {
        Input = options.InputColumnName,
        Codes = options.CodesColumnName,
        Reconstruction = options.ReconstructionColumnName,
        ReconstructionImage = options.ReconstructionImageColumnName,
        ReconstructionError = options.ReconstructionErrorColumnName,
        NegativeLogPrior = options.NegativeLogPriorColumnName,
    };

    /// <exception cref="ArgumentException">A name is empty, or two outputs have the same.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.DifferentNames([Codes, Reconstruction, ReconstructionError, NegativeLogPrior], ReconstructionImage);
    }
}

/// <summary>What a VQ-VAE does where nothing else is asked for.</summary>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record VqVaeDefaults(int TransformBatchSize)
{
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate() => OptionChecks.RowsAtOnce(TransformBatchSize);
}
