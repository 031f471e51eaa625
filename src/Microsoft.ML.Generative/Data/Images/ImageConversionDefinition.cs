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

    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
    }
}
