namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <param name="Name">The name between its quotation marks, escaped, in UTF-8.</param>
/// <param name="Rule">What its value may be.</param>
/// <param name="IsRequired">Whether it has to be there.</param>
internal sealed record JsonPropertyRule(byte[] Name, JsonRule Rule, bool IsRequired);

/// <summary>Properties in their order, of which those that are not required may be left out; then others, if there may be any.</summary>
internal sealed class JsonObjectRule
{
    private int[] _requiredFrom = [0];

    public IReadOnlyList<JsonPropertyRule> Properties { get; private set; } = [];

    public TextTrie Names { get; private set; } = new([]);

    /// <summary>What values of other names may be; null where there are none.</summary>
    public JsonRule? Additional { get; set; }

    /// <summary>
    /// For each of the literals that the first property may be, the rule that continues the object: its first property is this one.
    /// Null where the first property decides nothing.
    /// </summary>
    public IReadOnlyList<JsonRule>? Variants { get; set; }

    public void SetProperties(IReadOnlyList<JsonPropertyRule> properties)
    {
        Properties = properties;
        Names = new TextTrie([.. properties.Select(p => p.Name)]);
        _requiredFrom = new int[properties.Count + 1];
        _requiredFrom[^1] = properties.Count;
        for (int i = properties.Count - 1; i >= 0; i--)
            _requiredFrom[i] = properties[i].IsRequired ? i : _requiredFrom[i + 1];
    }

    /// <summary>The first required property from one on; the number of properties if there is none.</summary>
    public int RequiredFrom(int next) => _requiredFrom[next];

    public bool IsCompleteAt(int next) => RequiredFrom(next) == Properties.Count;

    /// <summary>Whether a property may follow when those before <paramref name="next"/> had their turn.</summary>
    public bool MayFollow(int property, int next) => property >= next && property <= RequiredFrom(next);
}
