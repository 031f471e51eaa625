using Microsoft.Extensions.AI;
using Module10.Http;

namespace Module10.Rooms.Chat;

/// <summary>A conversation that waits for an answer.</summary>
internal sealed record ChatRequest
{
    private const int MostMessages = 100;
    private const int MostCharacters = 500;

    /// <summary>What fits into the model's context: earlier messages are forgotten.</summary>
    private const int Remembered = 7;

    public IReadOnlyList<ChatTurn> Messages { get; init; } = [];

    public string System { get; init; } = "";

    /// <summary>The name of one of the visitor's adapters; empty: the model as it was trained.</summary>
    public string Adapter { get; init; } = "";

    public double Temperature { get; init; } = 0.5;

    public int Seed { get; init; } = 1;

    /// <exception cref="VisitorException">A value is out of its range.</exception>
    public void Validate()
    {
        if (Messages.Count == 0 || Messages[^1].Role != ChatTurn.User || string.IsNullOrWhiteSpace(Messages[^1].Content))
            throw new VisitorException(400, "There is no message to answer.");
        if (Messages.Count > MostMessages)
            throw new VisitorException(400, $"The conversation has {Messages.Count} messages; expected at most {MostMessages}.");
        if (Messages.Any(message => message.Role is not (ChatTurn.User or ChatTurn.Assistant)))
            throw new VisitorException(400, "A message is the user's or the assistant's.");
        if (System.Length > MostCharacters || Messages.Any(message => message.Content.Length > MostCharacters))
            throw new VisitorException(400, $"A message has more than {MostCharacters} characters.");
        if (Temperature is not (>= 0 and <= 2))
            throw new VisitorException(400, $"The temperature is {Temperature}; expected 0 to 2.");
        if (Seed < 0)
            throw new VisitorException(400, "A seed is a whole number from 0.");
    }

    /// <summary>The messages that the model reads.</summary>
    public IEnumerable<ChatMessage> Conversation()
    {
        if (System.Trim() is { Length: > 0 } system)
            yield return new ChatMessage(ChatRole.System, system);
        foreach (ChatTurn turn in Messages.TakeLast(Remembered))
            yield return new ChatMessage(turn.Role == ChatTurn.User ? ChatRole.User : ChatRole.Assistant, turn.Content.Trim());
    }
}
