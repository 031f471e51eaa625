namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>What a JSON value may be: one of the kinds that are set. A value's first character decides its kind.</summary>
internal sealed class JsonRule(int index)
{
    /// <summary>The rule's place among those of its grammar.</summary>
    public int Index => index;

    public JsonObjectRule? Object { get; set; }

    public JsonArrayRule? Array { get; set; }

    public JsonStringRule? String { get; set; }

    /// <summary>The numbers, as they are written.</summary>
    public ByteAutomaton? Number { get; set; }

    /// <summary>Values that are spelled out; null, true and false are such.</summary>
    public TextTrie? Literals { get; set; }
}

/// <summary>Strings: of a number of characters, or of a pattern.</summary>
/// <param name="MinLength">Characters at least.</param>
/// <param name="MaxLength">Characters at most, or null.</param>
/// <param name="Pattern">What stands between the quotation marks; then it alone counts.</param>
internal sealed record JsonStringRule(int MinLength, int? MaxLength, ByteAutomaton? Pattern = null);

/// <summary>Items of one rule, which is set once it has been read: a rule may contain itself.</summary>
internal sealed class JsonArrayRule
{
    public JsonRule Items { get; set; } = null!;

    public int MinItems { get; set; }

    public int? MaxItems { get; set; }
}
