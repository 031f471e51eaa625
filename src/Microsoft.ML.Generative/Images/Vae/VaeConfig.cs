using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>What a model file says of the network beside its weights.</summary>
internal sealed record VaeConfig(VaeOptions Options, ImageShape? Shape, int InputSize, long Seed, int LabelCount = 0) : IModelConfig<VaeNetwork>
{
    [JsonIgnore]
    public long[] RowShape => Shape is { } s ? [s.Channels, s.Height, s.Width] : [InputSize];

    [JsonIgnore]
    public VectorDataViewType RowType => Shape?.VectorType(NumberDataViewType.Single) ?? new VectorDataViewType(NumberDataViewType.Single, InputSize);

    /// <summary>Size of the network's weights.</summary>
    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * VaeNetwork.CountParameters(Options, Shape, InputSize, LabelCount));

    public VaeNetwork CreateNetwork() => new(Options, Shape, InputSize, LabelCount);

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        _ = WeightBytes;
        Options.Validate();
        OptionChecks.AtLeast(InputSize, 1);
        LabelCounts.CheckColumn(LabelCount, Options.LabelColumnName);
        Shape?.CheckSize(InputSize);
        if (Shape is null && Options.Network == VaeNetworkKind.Convolutional)
            throw new ArgumentException("a convolutional network needs the shape of its images");
    });
}
