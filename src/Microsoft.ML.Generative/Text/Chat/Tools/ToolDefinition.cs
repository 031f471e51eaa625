using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Text.Chat.Tools;

/// <summary>A tool that a model may call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it does; may be empty.</param>
/// <param name="Parameters">The JSON schema of its arguments, an object.</param>
internal sealed record ToolDefinition(string Name, string Description, JsonElement Parameters)
{
    // What name and description say already. Models were trained on schemas without them.
    private static readonly string[] _said = ["title", "description", "$schema"];

    /// <exception cref="NotSupportedException">It is no function.</exception>
    /// <exception cref="ArgumentException">Its schema is no object.</exception>
    public static ToolDefinition Of(AITool tool)
    {
        if (tool is not AIFunctionDeclaration function)
        {
            throw new NotSupportedException(
                $"{nameof(ChatOptions)}.{nameof(ChatOptions.Tools)} holds {tool?.GetType().Name ?? "null"}; this model calls functions "
                + $"only: expected {nameof(AIFunctionDeclaration)}.");
        }

        if (JsonObject.Create(function.JsonSchema) is not { } schema)
        {
            throw new ArgumentException(
                $"The JSON schema of the tool {function.Name} is {function.JsonSchema.ValueKind}; expected an object.");
        }

        foreach (string name in _said)
            schema.Remove(name);
        schema.TryAdd("type", "object");
        schema.TryAdd("properties", new JsonObject());
        return new ToolDefinition(function.Name, function.Description, JsonSerializer.SerializeToElement(schema));
    }

    /// <summary>The schema of a call of this tool: an object with its name and its arguments.</summary>
    /// <param name="nameMember">The name of the member with the name.</param>
    /// <param name="argumentsMember">The name of the member with the arguments.</param>
    /// <param name="path">The place of this schema in another, for references.</param>
    public JsonObject CallSchema(string nameMember, string argumentsMember, string path) => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject
        {
            [nameMember] = new JsonObject { ["const"] = Name },
            [argumentsMember] = ArgumentsSchema($"{path}/properties/{argumentsMember}"),
        },
        ["required"] = new JsonArray(nameMember, argumentsMember),
        ["additionalProperties"] = false,
    };

    /// <summary>The schema of the arguments at a place in another schema.</summary>
    public JsonObject ArgumentsSchema(string path)
    {
        JsonObject schema = JsonObject.Create(Parameters)!.DeepClone().AsObject();
        // Without any parameter, an open object would let the model write what it likes.
        if (schema["properties"] is JsonObject { Count: 0 })
            schema.TryAdd("additionalProperties", false);
        Move(schema, path);
        return schema;
    }

    private static void Move(JsonNode? node, string path)
    {
        if (node is JsonArray array)
        {
            foreach (JsonNode? item in array)
                Move(item, path);
        }

        if (node is not JsonObject members)
            return;
        foreach ((string name, JsonNode? value) in members.ToArray())
        {
            if (name == "$ref" && value is JsonValue reference && reference.TryGetValue(out string? target) && target.StartsWith('#'))
                members[name] = path + target[1..];
            else
                Move(value, path);
        }
    }
}
