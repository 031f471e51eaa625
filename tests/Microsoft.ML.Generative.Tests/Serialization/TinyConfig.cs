using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

internal enum TinyShape
{
    Round,
    Square,
}

internal sealed class TinyConfig : IModelConfig<Linear>
{
    public int LatentSize { get; init; } = 20;

    public float Beta { get; init; } = 1;

    public TinyShape Shape { get; init; } = TinyShape.Square;

    public int[] HiddenSizes { get; init; } = [400];

    public string? Note { get; init; }

    [JsonIgnore]
    public long WeightBytes => 9 * sizeof(float);

    public Linear CreateNetwork() => torch.nn.Linear(2, 3);

    public void Validate() => ModelFile.CheckConfig(() => OptionChecks.AtLeast(LatentSize, 1));
}
