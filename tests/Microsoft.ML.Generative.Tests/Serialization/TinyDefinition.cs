using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

internal enum TinyShape
{
    Round,
    Square,
}

internal sealed class TinyDefinition : IModelDefinition<TinyDefinition>
{
    public int LatentSize { get; init; } = 20;

    public float Beta { get; init; } = 1;

    public TinyShape Shape { get; init; } = TinyShape.Square;

    public int[] HiddenSizes { get; init; } = [400];

    public string? Note { get; init; }

    [JsonIgnore]
    public Component<TinyNetwork> Network => new("network", () => new TinyNetwork(2, 3));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Network];

    public static TinyDefinition ReadOldFormat(JsonObject config)
    {
        new MemberHistory(new MemberChange("size", "latentSize"), new MemberChange("epochs", null)).Apply(config, ModelEntries.Config);
        return ModelConfigJson.Deserialize<TinyDefinition>(
            JsonSerializer.SerializeToElement(config, ModelConfigJson.Options), ModelEntries.Config);
    }

    public void Validate() => OptionChecks.AtLeast(LatentSize, 1);
}
