using Microsoft.ML.Generative.Text.Chat.Tools;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>A message of a conversation.</summary>
/// <param name="Role">system, user, assistant or tool.</param>
/// <param name="Text">The message; of a tool, its result.</param>
internal sealed record ChatTurn(string Role, string Text)
{
    /// <summary>The calls of tools in an assistant's message.</summary>
    public IReadOnlyList<ToolCall> Calls { get; init; } = [];

    /// <summary>The call whose result a tool's message is.</summary>
    public ToolCall? ResultOf { get; init; }

    public bool IsAnswer => Role == Conversation.Assistant;
}
