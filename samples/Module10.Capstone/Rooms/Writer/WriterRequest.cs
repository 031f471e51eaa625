using Module10.Http;

namespace Module10.Rooms.Writer;

/// <summary>A text that is to be continued.</summary>
internal sealed record WriterRequest
{
    private const int MostCharacters = 500;
    private const int MostTokens = 300;

    public string Prompt { get; init; } = "";

    /// <summary>Whether the model that has learned the visitor's text writes; otherwise the one from before does.</summary>
    public bool HasLearned { get; init; } = true;

    public double Temperature { get; init; } = 0.8;

    public int Tokens { get; init; } = 120;

    public int Seed { get; init; } = 1;

    /// <exception cref="VisitorException">A value is out of its range.</exception>
    public void Validate()
    {
        if (Prompt.Length > MostCharacters)
            throw new VisitorException(400, $"The beginning has {Prompt.Length} characters; expected at most {MostCharacters}.");
        if (Temperature is not (>= 0 and <= 2))
            throw new VisitorException(400, $"The temperature is {Temperature}; expected 0 to 2.");
        if (Tokens is < 1 or > MostTokens)
            throw new VisitorException(400, $"The number of tokens is {Tokens}; expected 1 to {MostTokens}.");
        if (Seed < 0)
            throw new VisitorException(400, "A seed is a whole number from 0.");
    }
}
