using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>Model files and checkpoints of earlier versions.</summary>
internal static class VaeOldFormats
{
    public static MemberHistory Options { get; } = new(
        new MemberChange("architecture", "network"),
        new MemberChange("betaSchedule", "klAnnealing"),
        new MemberChange("betaWarmup", "klWarmup"),
        new MemberChange("betaCycles", "klCycles"));

    /// <inheritdoc cref="IModelDefinition{TSelf}.ReadOldFormat"/>
    public static VaeDefinition Read(JsonObject config)
    {
        Config old = OldConfig.Read<Config>(config, Options, c => c.Options.Validate());
        return VaeDefinition.Of(old.Options, new RowShape(old.Shape, old.InputSize), old.LabelCount, old.Seed);
    }

    private sealed record Config(VaeOptions Options, ImageShape? Shape, int InputSize, long Seed, int LabelCount = 0);
}
