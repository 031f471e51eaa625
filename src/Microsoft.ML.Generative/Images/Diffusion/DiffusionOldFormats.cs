using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>Model files and checkpoints of earlier versions.</summary>
internal static class DiffusionOldFormats
{
    public static MemberHistory Options { get; } = new(
        new MemberChange("architecture", "network", ("Transformer", nameof(DiffusionNetworkKind.Dit))),
        new MemberChange("transformerSize", "ditEmbeddingSize"),
        new MemberChange("transformerLayers", "ditLayers"),
        new MemberChange("transformerHeads", "ditHeads"),
        new MemberChange("timeDeviation", "timeStandardDeviation"));

    // Of a network that options cannot ask for.
    private static readonly MemberHistory _loadedUNet = new(
        new MemberChange("loadedUNet.dropout", null),
        new MemberChange("loadedUNet.levels", null),
        new MemberChange("loadedUNet.embeddingSize", null),
        new MemberChange("loadedUNet.granularity", null));

    /// <inheritdoc cref="IModelDefinition{TSelf}.ReadOldFormat"/>
    public static DiffusionDefinition Read(JsonObject config)
    {
        _loadedUNet.Apply(config, ModelEntries.Config);
        Config old = OldConfig.Read<Config>(config, Options, c => c.Options.Validate());
        DiffusionDefinition definition = DiffusionDefinition.Of(old.Options, old.Shape, old.LabelCount, old.LowResolution, old.Seed);
        // Then one activation stood everywhere; a file keeps what it computes.
        UNetArchitecture? network = old.LoadedUNet is { } loaded
            ? loaded with { OutputActivation = loaded.Activation }
            : definition.Architecture.UNet;
        return definition with
        {
            Architecture = definition.Architecture with { UNet = network },
            Defaults = definition.Defaults with { Scheduler = old.LoadedScheduler },
        };
    }

    private sealed record Config(DiffusionOptions Options, ImageShape Shape, int LabelCount, ImageShape? LowResolution, long Seed)
    {
        public UNetArchitecture? LoadedUNet { get; init; }

        public JsonObject? LoadedScheduler { get; init; }
    }
}
