using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>Model files and checkpoints of earlier versions.</summary>
internal static class ImageClassifierOldFormats
{
    public static MemberHistory Options { get; } = new(new MemberChange("architecture", "network"));

    /// <inheritdoc cref="IModelDefinition{TSelf}.ReadOldFormat"/>
    public static ImageClassifierDefinition Read(JsonObject config)
    {
        Config old = OldConfig.Read<Config>(config, Options, c => c.Options.Validate());
        return ImageClassifierDefinition.Of(old.Options, old.Shape, old.ClassCount, old.Labels);
    }

    private sealed record Config(ImageClassifierOptions Options, ImageShape Shape, int ClassCount, ClassLabels? Labels);
}
