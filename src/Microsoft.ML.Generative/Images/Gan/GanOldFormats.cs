using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>Model files and checkpoints of earlier versions.</summary>
internal static class GanOldFormats
{
    public static MemberHistory Options { get; } = new(
        new MemberChange("architecture", "network"),
        new MemberChange("minibatchDeviation", "minibatchStandardDeviation"));

    /// <inheritdoc cref="IModelDefinition{TSelf}.ReadOldFormat"/>
    public static GanDefinition Read(JsonObject config)
    {
        Config old = OldConfig.Read<Config>(config, Options, c => c.Options.Validate());
        return GanDefinition.Of(old.Options, new RowShape(old.Shape, old.RowSize), old.LabelCount, old.Seed);
    }

    private sealed record Config(GanOptions Options, ImageShape? Shape, int RowSize, int LabelCount, long Seed);
}
