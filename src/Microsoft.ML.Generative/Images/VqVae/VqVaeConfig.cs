using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>What a model file says of the network beside its weights.</summary>
internal sealed record VqVaeConfig(VqVaeOptions Options, ImageShape Shape) : IModelConfig<VqVaeNetwork>
{
    [JsonIgnore]
    public CodeGrid Grid => CodeGrid.Of(Options, Shape);

    /// <summary>Size of the network's weights and codebook.</summary>
    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * VqVaeNetwork.CountParameters(Options, Shape));

    public VqVaeNetwork CreateNetwork() => new(Options, Shape);

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        Options.Validate();
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        _ = Shape.Size;
        _ = WeightBytes;
    });
}
