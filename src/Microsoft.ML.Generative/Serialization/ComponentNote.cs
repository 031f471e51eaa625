using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>What <c>config.json</c> says of a component.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">How its weights came about.</param>
/// <param name="Sha256">Of a frozen component: the hash of its entry, which identifies the model that it is of.</param>
internal sealed record ComponentNote(
    string Name, ComponentKind Kind, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Sha256 = null);
