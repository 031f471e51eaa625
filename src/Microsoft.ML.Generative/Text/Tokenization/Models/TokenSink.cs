namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>A token and its range of characters.</summary>
internal readonly record struct PlacedToken(int Id, int Start, int End);

/// <summary>Takes tokens up to a number of them.</summary>
internal sealed class TokenSink(int limit, bool withPlaces)
{
    public List<int> Ids { get; } = [];

    /// <summary>Ranges in the normalized text, if requested.</summary>
    public List<(int Start, int End)>? Places { get; } = withPlaces ? [] : null;

    /// <summary>End of the last token's range.</summary>
    public int Consumed { get; private set; }

    public bool IsFull => Ids.Count >= limit;

    public void Add(int id, int start, int end)
    {
        if (IsFull)
            return;
        Ids.Add(id);
        Places?.Add((start, end));
        Consumed = end;
    }
}
