using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>Reads configurations of the first formats, which held the options of the training under "options".</summary>
internal static class OldConfig
{
    /// <param name="config">The configuration.</param>
    /// <param name="history">What the options were called.</param>
    /// <param name="validate">Checks the options.</param>
    /// <exception cref="InvalidDataException">A member is missing, unknown, or has a value that is not possible.</exception>
    public static TConfig Read<TConfig>(JsonObject config, MemberHistory history, Action<TConfig> validate)
    {
        if (config["options"] is JsonObject stored)
            history.Apply(stored, ModelEntries.Config);
        TConfig read = ModelConfigJson.Deserialize<TConfig>(
            JsonSerializer.SerializeToElement(config, ModelConfigJson.Options), ModelEntries.Config);
        ModelFile.Check(() => validate(read));
        return read;
    }
}
