namespace Module10.Rooms.Chat;

/// <summary>What a visitor teaches: a question, and the answer to it.</summary>
internal sealed record ChatExample(string Question, string Answer);
