using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>Names and values that members of stored JSON had in earlier versions.</summary>
internal sealed class MemberHistory(params MemberChange[] changes)
{
    public static MemberHistory None { get; } = new();

    /// <summary>Gives members the names and values that they have today.</summary>
    /// <param name="json">The object to change.</param>
    /// <param name="source">The file as error messages name it.</param>
    /// <exception cref="InvalidDataException">A member is there under its old and its new name.</exception>
    public void Apply(JsonObject json, string source)
    {
        foreach (MemberChange change in changes)
            change.Apply(json, source);
    }
}

/// <summary>One change of a member.</summary>
/// <param name="Path">Where it was: its name, after those of the objects that it is in, with dots between them.</param>
/// <param name="Name">Its name today; <see langword="null"/>: it does not exist any more.</param>
/// <param name="Values">Texts that it had as values, and those that replace them.</param>
internal sealed record MemberChange(string Path, string? Name, params (string Old, string New)[] Values)
{
    /// <inheritdoc cref="MemberHistory.Apply"/>
    public void Apply(JsonObject json, string source)
    {
        string[] path = Path.Split('.');
        JsonObject? parent = json;
        foreach (string name in path[..^1])
            parent = parent?[name] as JsonObject;
        if (parent is null || !parent.Remove(path[^1], out JsonNode? value) || Name is null)
            return;
        if (parent.ContainsKey(Name))
            throw new InvalidDataException($"'{source}' has the members '{path[^1]}' and '{Name}', which are two names of one.");
        parent[Name] = value is JsonValue text
            && text.TryGetValue(out string? old) && Values.FirstOrDefault(v => v.Old == old).New is { } renamed ? renamed : value;
    }
}
