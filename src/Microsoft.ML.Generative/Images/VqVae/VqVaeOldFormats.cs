using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>Model files and checkpoints of earlier versions.</summary>
internal static class VqVaeOldFormats
{
    public static MemberHistory Options { get; } = new(new MemberChange("priorWidth", "priorEmbeddingSize"));

    /// <inheritdoc cref="IModelDefinition{TSelf}.ReadOldFormat"/>
    public static VqVaeDefinition Read(JsonObject config)
    {
        Config old = OldConfig.Read<Config>(config, Options, c => c.Options.Validate());
        return VqVaeDefinition.Of(old.Options, old.Shape);
    }

    private sealed record Config(VqVaeOptions Options, ImageShape Shape);
}
