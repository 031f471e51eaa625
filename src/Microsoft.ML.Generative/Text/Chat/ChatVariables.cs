using System.Text.Json;
using Microsoft.ML.Generative.Text.Chat.Jinja;
using Microsoft.ML.Generative.Text.Chat.Tools;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>What templates differ in, and their sources do not say: they are tried until one writes all calls.</summary>
/// <param name="OmitsContent">Whether a message with calls and without text has no content, instead of an empty one.</param>
/// <param name="HasTextArguments">Whether the arguments of a call are a text with JSON, instead of a dictionary.</param>
/// <param name="HasToolsInSystem">
/// Whether tools are a text in the system's message, and calls are part of the messages' text, as for Phi-4.
/// </param>
internal readonly record struct MessageForm(bool OmitsContent, bool HasTextArguments, bool HasToolsInSystem)
{
    public static IReadOnlyList<MessageForm> All { get; } =
    [
        default,
        new(true, false, false),
        new(false, true, false),
        new(true, true, false),
        new(false, false, true),
    ];
}

/// <summary>The variables that a template gets.</summary>
internal sealed class ChatVariables(Conversation conversation, MessageForm form)
{
    /// <summary>The source of tools.</summary>
    public const int Tools = -1;

    /// <summary>The token that begins calls where they are part of a message's text.</summary>
    public const string CallBegin = "<|tool_call|>";

    private const string CallEnd = "<|/tool_call|>";
    private const string SystemWithTools = "You are a helpful assistant with some tools.";

    /// <summary>Characters in the variables.</summary>
    public long Characters { get; private set; }

    /// <summary>The source of the calls in a message.</summary>
    public static int CallsOf(Conversation conversation, int turn) => conversation.Turns.Count + turn + 1;

    public Dictionary<string, object?> Values()
    {
        List<object?> messages = [.. conversation.Turns.Select(Message)];
        if (form.HasToolsInSystem && conversation.Tools.Count > 0)
            AddToolsToSystem(messages);
        return new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["messages"] = new JinjaList(messages),
            ["add_generation_prompt"] = conversation.WantsAnswer,
            ["tools"] = conversation.Tools.Count == 0 || form.HasToolsInSystem ? null : new JinjaList([.. conversation.Tools.Select(Tool)]),
            ["documents"] = null,
        };
    }

    private void AddToolsToSystem(List<object?> messages)
    {
        if (conversation.Turns[0].Role != Conversation.System)
            messages.Insert(0, Dictionary(("role", JinjaText.Of(Conversation.System)), ("content", JinjaText.Of(SystemWithTools, Tools))));
        object list = new JinjaList([.. conversation.Tools.Select(Function)]);
        ((JinjaDictionary)messages[0]!).Set(JinjaText.Of("tools"), Json(list));
    }

    // Roles are this library's own words, and part of some templates' marks.
    private JinjaDictionary Message(ChatTurn turn, int number)
    {
        int source = number + 1, calls = CallsOf(conversation, number);
        Characters += turn.Text.Length;
        string role = turn.Role == Conversation.Tool && form.HasToolsInSystem ? "tool_response" : turn.Role;
        JinjaDictionary message = Dictionary(("role", JinjaText.Of(role)));
        object? content = form.OmitsContent && turn.Calls.Count > 0 && turn.Text.Length == 0 ? null : JinjaText.Of(turn.Text, source);
        if (turn.Calls.Count > 0 && form.HasToolsInSystem)
        {
            object list = new JinjaList([.. turn.Calls.Select(call => Dictionary(
                ("name", Text(call.Name, calls)), ("arguments", Arguments(call, calls))))]);
            content = new JinjaText.Builder().Append((JinjaText)content!).Append(CallBegin).Append(Json(list)).Append(CallEnd).ToText();
        }

        message.Set(JinjaText.Of("content"), content);
        if (turn.Calls.Count > 0 && !form.HasToolsInSystem)
            message.Set(JinjaText.Of("tool_calls"), new JinjaList([.. turn.Calls.Select(call => Call(call, calls))]));
        if (turn.ResultOf is { } answered)
        {
            message.Set(JinjaText.Of("name"), Text(answered.Name, source));
            message.Set(JinjaText.Of("tool_call_id"), Text(answered.Id, source));
        }

        return message;
    }

    private JinjaDictionary Call(ToolCall call, int source) => Dictionary(
        ("type", JinjaText.Of("function")),
        ("id", Text(call.Id, source)),
        ("function", Dictionary(("name", Text(call.Name, source)), ("arguments", Arguments(call, source)))));

    private object? Arguments(ToolCall call, int source)
    {
        object? arguments = Value(call.Arguments, source);
        return form.HasTextArguments ? Json(arguments) : arguments;
    }

    private JinjaDictionary Tool(ToolDefinition tool) => Dictionary(("type", JinjaText.Of("function")), ("function", Function(tool)));

    private JinjaDictionary Function(ToolDefinition tool) => Dictionary(
        ("name", Text(tool.Name, Tools)), ("description", Text(tool.Description, Tools)), ("parameters", Value(tool.Parameters, Tools)));

    private JinjaText Text(string text, int source)
    {
        Characters += text.Length;
        return JinjaText.Of(text, source);
    }

    private object? Value(JsonElement json, int source)
    {
        Characters += json.GetRawText().Length;
        return JinjaJsonReader.Read(json, source);
    }

    // As a template's tojson writes it.
    private JinjaText Json(object? value) => JinjaJson.Write(new JinjaBudget(Characters), value, JinjaArguments.None);

    private static JinjaDictionary Dictionary(params ReadOnlySpan<(string Name, object? Value)> members)
    {
        var dictionary = new JinjaDictionary();
        foreach ((string name, object? value) in members)
            dictionary.Set(JinjaText.Of(name), value);
        return dictionary;
    }
}
