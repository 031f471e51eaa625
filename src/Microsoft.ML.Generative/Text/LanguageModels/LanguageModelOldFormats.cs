using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Model files and checkpoints of earlier versions.</summary>
internal static class LanguageModelOldFormats
{
    public static MemberHistory Options { get; } = new(new MemberChange("architecture.hiddenSize", "feedForwardSize"));

    /// <inheritdoc cref="IModelDefinition{TSelf}.ReadOldFormat"/>
    public static LanguageModelDefinition Read(JsonObject config)
    {
        Config old = OldConfig.Read<Config>(config, Options, c => c.Options.Validate());
        LanguageModelDefinition definition = LanguageModelDefinition.Of(old.Options, old.Seed);
        return definition with { Defaults = definition.Defaults with { OtherEnds = old.OtherEnds ?? [], BeginsWithBos = true } };
    }

    private sealed record Config(LanguageModelOptions Options, long Seed)
    {
        public int[]? OtherEnds { get; init; }
    }
}
