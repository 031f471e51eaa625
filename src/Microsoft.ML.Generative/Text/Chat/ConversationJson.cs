using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>
/// Reads conversations as data sets have them: <c>[{"role": "user", "content": "…"}, …]</c>, or an object with these as <c>messages</c>.
/// </summary>
internal static class ConversationJson
{
    private static readonly string[] _roles = [Conversation.System, Conversation.User, Conversation.Assistant];
    private static readonly string[] _calls = ["tool_calls", "function_call"];

    /// <param name="json">The messages.</param>
    /// <param name="wantsAnswer">Whether the next message is the assistant's.</param>
    /// <exception cref="ArgumentException">It is not JSON, or has another form.</exception>
    public static Conversation Read(string json, bool wantsAnswer)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            JsonElement messages = document.RootElement;
            if (messages.ValueKind == JsonValueKind.Object && messages.TryGetProperty("messages", out JsonElement inner))
                messages = inner;
            if (messages.ValueKind != JsonValueKind.Array)
                throw new ArgumentException($"{messages.ValueKind} where a list of messages was expected, or an object with 'messages'.");
            return new Conversation(messages.EnumerateArray().Select(ReadTurn), wantsAnswer);
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"The conversation is not JSON: {Quoted.Message(e)}", e);
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair.
            throw new ArgumentException($"The conversation has a string that is not valid text: {Quoted.Message(e)}", e);
        }
    }

    private static ChatTurn ReadTurn(JsonElement message, int number)
    {
        if (message.ValueKind != JsonValueKind.Object)
            throw new ArgumentException($"Message {number} is {message.ValueKind}; expected an object with 'role' and 'content'.");
        string role = Text(message, number, "role");
        if (!_roles.Contains(role))
            throw new ArgumentException(
                $"Message {number} has the role {Quoted.Text(role)}; supported values: {string.Join(", ", _roles)}.");
        foreach (string name in _calls)
        {
            if (message.TryGetProperty(name, out JsonElement call) && call.ValueKind != JsonValueKind.Null)
                throw new ArgumentException($"Message {number} has '{name}'; only text can be learned.");
        }

        return new ChatTurn(role, Text(message, number, "content"));
    }

    private static string Text(JsonElement message, int number, string name)
    {
        if (!message.TryGetProperty(name, out JsonElement value))
            throw new ArgumentException($"Message {number} has no '{name}'.");
        return value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new ArgumentException($"'{name}' of message {number} is {value.ValueKind}; expected a string.");
    }
}
