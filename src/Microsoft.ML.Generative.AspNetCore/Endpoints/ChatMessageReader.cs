using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>Messages and tools of requests.</summary>
internal static class ChatMessageReader
{
    /// <exception cref="OpenAIException">There is none, or one has another form.</exception>
    public static IReadOnlyList<ChatMessage> Messages(JsonBody body)
    {
        IReadOnlyList<JsonBody> messages = body.Objects("messages") ?? throw body.Missing("messages");
        return messages.Count > 0 ? [.. messages.Select(Message)]
            : throw new OpenAIException(400, "messages is empty; expected at least one.", "messages");
    }

    /// <summary>The text of a content: itself, or its parts of given types.</summary>
    public static string Content(JsonBody message, string name, params ReadOnlySpan<string> types)
    {
        if (message.Find(name) is not { } content)
            return "";
        if (content.ValueKind == JsonValueKind.String)
            return message.Text(name)!;
        var text = new StringBuilder();
        foreach (JsonBody part in message.Objects(name)!)
        {
            string type = part.RequiredText("type");
            if (!types.Contains(type))
                throw part.Unsupported("type", string.Join(" or ", types.ToArray()));
            text.Append(part.RequiredText("text"));
        }

        return text.ToString();
    }

    /// <summary>A call of a function with arguments as JSON in a text.</summary>
    public static FunctionCallContent Call(JsonBody function, string id)
    {
        string arguments = function.Text("arguments") ?? "{}";
        try
        {
            return new FunctionCallContent(
                id, function.RequiredText("name"), JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments) ?? []);
        }
        catch (JsonException)
        {
            throw function.Unsupported("arguments", "a text with a JSON object");
        }
    }

    /// <summary>A function of a tool.</summary>
    public static AITool Tool(JsonBody function)
    {
        string name = function.RequiredText("name");
        JsonElement schema = function.Object("parameters")?.Element
            ?? JsonDocument.Parse("""{"type":"object","properties":{}}""").RootElement;
        return AIFunctionFactory.CreateDeclaration(name, function.Text("description"), schema);
    }

    /// <summary>Whether tools have to be called.</summary>
    /// <param name="body">The request.</param>
    /// <param name="function">Finds the function in an object that names one.</param>
    public static ChatToolMode? ToolMode(JsonBody body, Func<JsonBody, JsonBody> function)
    {
        if (body.Find("tool_choice") is not { } choice)
            return null;
        if (choice.ValueKind == JsonValueKind.Object)
            return ChatToolMode.RequireSpecific(function(body.RequiredObject("tool_choice")).RequiredText("name"));
        return body.Text("tool_choice") switch
        {
            "none" => ChatToolMode.None,
            "auto" => ChatToolMode.Auto,
            "required" => ChatToolMode.RequireAny,
            _ => throw body.Unsupported("tool_choice", "none, auto, required or a function"),
        };
    }

    /// <summary>What an answer has to be.</summary>
    /// <param name="format">The format's type and schema.</param>
    /// <param name="schema">Finds the object with the schema.</param>
    public static ChatResponseFormat? Format(JsonBody? format, Func<JsonBody, JsonBody> schema)
    {
        switch (format?.RequiredText("type"))
        {
            case null or "text":
                return null;
            case "json_object":
                return ChatResponseFormat.Json;
            case "json_schema":
                JsonBody inner = schema(format);
                return ChatResponseFormat.ForJsonSchema(
                    inner.RequiredObject("schema").Element, inner.Text("name"), inner.Text("description"));
            default:
                throw format.Unsupported("type", "text, json_object or json_schema");
        }
    }

    private static ChatMessage Message(JsonBody message)
    {
        string role = message.RequiredText("role");
        switch (role)
        {
            case "system" or "developer":
                return new ChatMessage(ChatRole.System, Content(message, "content", "text"));
            case "user":
                return new ChatMessage(ChatRole.User, Content(message, "content", "text"));
            case "assistant":
                string text = Content(message, "content", "text");
                IEnumerable<AIContent> calls = (message.Objects("tool_calls") ?? []).Select(
                    call => Call(call.RequiredObject("function"), call.RequiredText("id")));
                return new ChatMessage(
                    ChatRole.Assistant, [.. text.Length > 0 ? [new TextContent(text)] : Array.Empty<AIContent>(), .. calls]);
            case "tool":
                return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(
                    message.RequiredText("tool_call_id"), Content(message, "content", "text"))]);
            default:
                throw message.Unsupported("role", "system, developer, user, assistant or tool");
        }
    }
}
