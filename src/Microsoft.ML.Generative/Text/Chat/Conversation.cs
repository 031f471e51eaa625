using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Chat.Tools;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>A conversation: instructions and messages.</summary>
internal sealed class Conversation
{
    public const string System = "system";
    public const string User = "user";
    public const string Assistant = "assistant";
    public const string Tool = "tool";

    private static readonly JsonSerializerOptions _compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    /// <param name="turns">The messages; those of the system are joined and moved to the beginning.</param>
    /// <param name="wantsAnswer">Whether the next message is the assistant's.</param>
    /// <exception cref="ArgumentException">There are no messages but those of the system.</exception>
    public Conversation(IEnumerable<ChatTurn> turns, bool wantsAnswer)
    {
        ChatTurn[] all = [.. turns];
        string[] system = [.. all.Where(t => t.Role == System).Select(t => t.Text)];
        ChatTurn[] said = [.. all.Where(t => t.Role != System)];
        if (said.Length == 0)
            throw new ArgumentException("The conversation has no message of a user.");
        Turns = system.Length == 0 ? said : [new ChatTurn(System, string.Join("\n\n", system)), .. said];
        WantsAnswer = wantsAnswer;
    }

    private Conversation(bool wantsAnswer, IReadOnlyList<ChatTurn> turns) => (Turns, WantsAnswer) = (turns, wantsAnswer);

    /// <exception cref="NotSupportedException">
    /// A message holds more than text, calls of functions and their results, or is of another role.
    /// </exception>
    /// <exception cref="ArgumentException">There is no message, or a result is of no call.</exception>
    public Conversation(IEnumerable<ChatMessage> messages, string? instructions)
        : this(TurnsOf(messages, instructions), wantsAnswer: true)
    {
    }

    /// <summary>All messages, instructions first.</summary>
    public IReadOnlyList<ChatTurn> Turns { get; }

    /// <summary>Whether the next message is the assistant's; otherwise the conversation is complete.</summary>
    public bool WantsAnswer { get; }

    /// <summary>The tools that the assistant may call.</summary>
    public IReadOnlyList<ToolDefinition> Tools { get; init; } = [];

    /// <summary>Whether there are tools, calls of tools or results.</summary>
    public bool HasTools => Tools.Count > 0 || Turns.Any(turn => turn.Calls.Count > 0 || turn.ResultOf is not null);

    /// <summary>The messages before one of them.</summary>
    /// <param name="turn">The message's number.</param>
    /// <param name="wantsAnswer">Whether the next message is the assistant's.</param>
    public Conversation Before(int turn, bool wantsAnswer) => new(wantsAnswer, [.. Turns.Take(turn)]) { Tools = Tools };

    /// <summary>The conversation with another message of the user.</summary>
    public Conversation WithQuestion() => new(wantsAnswer: false, [.. Turns, new ChatTurn(User, "")]) { Tools = Tools };

    private static List<ChatTurn> TurnsOf(IEnumerable<ChatMessage> messages, string? instructions)
    {
        List<ChatTurn> turns = instructions is null ? [] : [new ChatTurn(System, instructions)];
        Dictionary<string, ToolCall> calls = new(StringComparer.Ordinal);
        foreach (ChatMessage message in messages)
        {
            if (message.Contents.FirstOrDefault(c => !IsKnown(c)) is { } other)
                throw new NotSupportedException(
                    $"A message of the role {message.Role} holds {other.GetType().Name}; this model reads text only, and calls of "
                    + "functions with their results.");
            if (message.Role == ChatRole.Tool)
                turns.AddRange(Results(message, calls));
            else
                turns.Add(TurnOf(message, calls));
        }

        return turns;
    }

    private static bool IsKnown(AIContent content) =>
        content is TextContent or UsageContent or FunctionCallContent or FunctionResultContent;

    private static ChatTurn TurnOf(ChatMessage message, Dictionary<string, ToolCall> calls)
    {
        string role = message.Role == ChatRole.System ? System
            : message.Role == ChatRole.User ? User
            : message.Role == ChatRole.Assistant ? Assistant
            : throw new NotSupportedException(
                $"A message has the role {message.Role}; supported values: system, user, assistant, tool.");
        if (message.Contents.Any(c => c is FunctionResultContent || (c is FunctionCallContent && role != Assistant)))
        {
            throw new ArgumentException(
                $"A message of the role {role} holds calls of functions or results; expected calls in messages of the assistant, and "
                + "results in those of the role tool.");
        }

        ToolCall[] own = [.. message.Contents.OfType<FunctionCallContent>().Select(CallOf)];
        foreach (ToolCall call in own)
            calls[call.Id] = call;
        return new ChatTurn(role, message.Text) { Calls = own };
    }

    private static ToolCall CallOf(FunctionCallContent call) => new(
        call.CallId, call.Name,
        JsonSerializer.SerializeToElement(call.Arguments ?? new Dictionary<string, object?>(), AIJsonUtilities.DefaultOptions));

    // Each result is a message of its own in templates.
    private static IEnumerable<ChatTurn> Results(ChatMessage message, Dictionary<string, ToolCall> calls)
    {
        if (message.Contents.FirstOrDefault(c => c is FunctionCallContent || (c is TextContent && message.Text.Length > 0)) is { } other)
            throw new ArgumentException(
                $"A message of the role tool holds {other.GetType().Name}; expected {nameof(FunctionResultContent)}.");
        foreach (FunctionResultContent result in message.Contents.OfType<FunctionResultContent>())
        {
            ToolCall call = calls.GetValueOrDefault(result.CallId) ?? throw new ArgumentException(
                $"The conversation has a result of the call {Quoted.Text(result.CallId)}, and no such call before it.");
            yield return new ChatTurn(Tool, TextOf(result.Result)) { ResultOf = call };
        }
    }

    private static string TextOf(object? result) => result switch
    {
        null => "",
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
        TextContent text => text.Text,
        _ => JsonSerializer.Serialize(result, _compact),
    };
}
