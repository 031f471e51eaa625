using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Where in a JSON text its end is.</summary>
internal enum JsonPhase : byte
{
    /// <summary>Before a value, or in the whitespace there.</summary>
    Value,

    /// <summary>After <c>[</c>.</summary>
    ArrayStart,

    /// <summary>After <c>{</c>.</summary>
    ObjectStart,

    /// <summary>After a comma of an object.</summary>
    BeforeName,

    /// <summary>In a name.</summary>
    Name,

    /// <summary>Before the colon.</summary>
    AfterName,

    /// <summary>After a value in an array or object.</summary>
    AfterValue,

    /// <summary>In a string.</summary>
    String,

    /// <summary>After a backslash.</summary>
    Escape,

    /// <summary>After <c>\u</c>.</summary>
    Hex,

    /// <summary>After <c>\ud</c>, where half of a surrogate pair may begin.</summary>
    HexAfterD,

    /// <summary>In digits of which <see cref="JsonState.Part"/> are missing.</summary>
    HexRest,

    /// <summary>In digits of a pair's first half of which <see cref="JsonState.Part"/> are missing.</summary>
    HighRest,

    /// <summary>After a pair's first half.</summary>
    LowEscape,

    /// <summary>After its backslash.</summary>
    LowU,

    /// <summary>After its u.</summary>
    LowD,

    /// <summary>After its d.</summary>
    LowSecond,

    /// <summary>In a number.</summary>
    Number,

    /// <summary>In a value that is spelled out.</summary>
    Literal,

    /// <summary>After the whole value; nothing may follow.</summary>
    Done,
}

/// <summary>The part of a JSON text's state that decides how it may continue.</summary>
internal struct JsonState
{
    public JsonPhase Phase;

    /// <summary>Of a name or string, where in a character it is (<see cref="Utf8State"/>); of an escape, digits that are missing.</summary>
    public byte Part;

    /// <summary>Characters of a string, or of whitespace.</summary>
    public int Count;

    /// <summary>In a name or literal, the place in the trie of the rule's; in a number or a string of a pattern, its state.</summary>
    public int Place;

    /// <summary>In a name, what distinguishes it from others.</summary>
    public ulong NameHash;

    /// <summary>What the value may be.</summary>
    public JsonRule? Rule;

    /// <summary>The array or object that the value is in; null for the whole text's.</summary>
    public JsonFrame? Frame;

    /// <summary>Whether it is before or in the value that decides what the other properties of its object are.</summary>
    public readonly bool IsDecidingVariant => Frame is { IsObject: true, Next: 1, Rule.Object.Variants: not null };

    /// <summary>Continues with a phase that has counted nothing.</summary>
    public bool Go(JsonPhase phase)
    {
        (Phase, Count) = (phase, 0);
        return true;
    }

    /// <summary>Continues after a value.</summary>
    public bool EndValue()
    {
        if (IsDecidingVariant)
            Frame = Frame! with { Rule = Frame.Rule.Object!.Variants![Rule!.Literals!.TextAt(Place)] };
        return Go(Frame is null ? JsonPhase.Done : JsonPhase.AfterValue);
    }
}

/// <summary>An open array or object. Never changed, so that states may share it.</summary>
/// <param name="Parent">What it is in.</param>
/// <param name="Rule">What it may be.</param>
/// <param name="IsObject">Whether it is an object.</param>
/// <param name="Depth">Arrays and objects that are open, with this one.</param>
/// <param name="After">Tokens that the text needs after it.</param>
/// <param name="Next">Of an object, the first property that may still come; of an array, items so far.</param>
/// <param name="Used">Of an object, the names that are not in its rule.</param>
internal sealed record JsonFrame(
    JsonFrame? Parent, JsonRule Rule, bool IsObject, int Depth, int After, int Next = 0, JsonUsedNames? Used = null);

/// <summary>Names that an object has had.</summary>
/// <param name="Hash">
/// The newest one's <see cref="JsonState.NameHash"/>. Two names of one hash count as one, which only ever forbids a name.
/// </param>
/// <param name="Rest">Those before it.</param>
/// <param name="Count">How many there are.</param>
internal sealed record JsonUsedNames(ulong Hash, JsonUsedNames? Rest, int Count)
{
    public bool Contains(ulong hash)
    {
        for (JsonUsedNames? names = this; names is not null; names = names.Rest)
        {
            if (names.Hash == hash)
                return true;
        }

        return false;
    }
}
