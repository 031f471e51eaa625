using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>A message of a conversation.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Text">The message.</param>
internal readonly record struct ChatTurn(string Role, string Text)
{
    public bool IsAnswer => Role == Conversation.Assistant;
}

/// <summary>A conversation: instructions and messages.</summary>
internal sealed class Conversation
{
    public const string System = "system";
    public const string User = "user";
    public const string Assistant = "assistant";

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

    /// <exception cref="NotSupportedException">A message holds more than text, or is of another role.</exception>
    /// <exception cref="ArgumentException">There is no message.</exception>
    public Conversation(IEnumerable<ChatMessage> messages, string? instructions)
        : this(
            [.. instructions is null ? Array.Empty<ChatTurn>() : [new ChatTurn(System, instructions)], .. messages.Select(TurnOf)],
            wantsAnswer: true)
    {
    }

    /// <summary>All messages, instructions first.</summary>
    public IReadOnlyList<ChatTurn> Turns { get; }

    /// <summary>Whether the next message is the assistant's; otherwise the conversation is complete.</summary>
    public bool WantsAnswer { get; }

    /// <summary>The messages before one of them.</summary>
    /// <param name="turn">The message's number.</param>
    /// <param name="wantsAnswer">Whether the next message is the assistant's.</param>
    public Conversation Before(int turn, bool wantsAnswer) => new(wantsAnswer, [.. Turns.Take(turn)]);

    /// <summary>The conversation with another message of the user.</summary>
    public Conversation WithQuestion() => new(wantsAnswer: false, [.. Turns, new ChatTurn(User, "")]);

    private static ChatTurn TurnOf(ChatMessage message)
    {
        if (message.Contents.FirstOrDefault(c => c is not TextContent and not UsageContent) is { } other)
        {
            throw new NotSupportedException(
                $"A message of the role {message.Role} holds {other.GetType().Name}; this model reads text only.");
        }

        string role = message.Role == ChatRole.System ? System
            : message.Role == ChatRole.User ? User
            : message.Role == ChatRole.Assistant ? Assistant
            : throw new NotSupportedException($"A message has the role {message.Role}; supported values: system, user, assistant.");
        return new ChatTurn(role, message.Text);
    }
}
