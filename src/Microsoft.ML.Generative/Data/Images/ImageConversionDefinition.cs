using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Data.Images;

/// <summary>What a conversion of vectors to images is.</summary>
/// <param name="Input">The column of vectors.</param>
/// <param name="Output">The column of images.</param>
/// <param name="Shape">Their shape.</param>
internal sealed record ImageConversionDefinition(string Input, string Output, ImageShape Shape)
    : IModelDefinition<ImageConversionDefinition>
{
    [JsonIgnore]
    public IReadOnlyList<Component> Components => [];

    /// <summary>Refuses: the first formats are older than the conversion.</summary>
    public static ImageConversionDefinition ReadOldFormat(JsonObject config) =>
        throw new InvalidDataException($"'{ModelEntries.Config}' has a format that conversions to images never had.");

    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
    }
}
