using Module10.Http;

namespace Module10.Rooms.Chat;

/// <summary>Examples from which an adapter of a visitor is trained.</summary>
internal sealed record AdapterRequest
{
    private const int LongestName = 30;
    private const int MostExamples = 100;
    private const int MostCharacters = 300;

    public string Name { get; init; } = "";

    public IReadOnlyList<ChatExample> Examples { get; init; } = [];

    /// <exception cref="VisitorException">A value is out of its range.</exception>
    public void Validate()
    {
        if (Name.Length is 0 or > LongestName || !Name.All(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_'))
            throw new VisitorException(400, $"The name has 1 to {LongestName} letters, digits, spaces or hyphens.");
        if (Examples.Count is 0 or > MostExamples)
            throw new VisitorException(400, $"There are {Examples.Count} examples; expected 1 to {MostExamples}.");
        foreach ((int i, ChatExample example) in Examples.Index())
        {
            if (string.IsNullOrWhiteSpace(example.Question) || string.IsNullOrWhiteSpace(example.Answer))
                throw new VisitorException(400, $"Example {i + 1} has no question or no answer.");
            if (example.Question.Length > MostCharacters || example.Answer.Length > MostCharacters)
                throw new VisitorException(400, $"Example {i + 1} has a text of more than {MostCharacters} characters.");
        }
    }
}
