using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// How many tokens it takes at most to complete a part of a text in the shortest way; <see cref="Never"/> where the tokenizer cannot write
/// what has to be there, or where it would be nested too deeply. A token that is allowed only where the rest of the text fits the tokens
/// left never leads into a dead end.
/// </summary>
internal sealed class JsonCosts
{
    /// <summary>The levels that System.Text.Json reads by default.</summary>
    public const int MaxDepth = 64;

    public const int Never = 1 << 28;

    private readonly TokenTable _tokens;
    private readonly int _hexDigit;
    private readonly int[] _utf8 = new int[Utf8State.Count];
    private readonly Dictionary<byte[], int[]> _spellings = [];
    private readonly Dictionary<ByteAutomaton, int[]> _patterns = [];

    // By levels that are left, and the rule.
    private readonly int[][] _values;

    // By levels that are left, the rule, and the next property: what an object needs after a value.
    private readonly int[][][] _rests;

    public JsonCosts(JsonGrammar grammar, TokenTable tokens)
    {
        _tokens = tokens;
        for (byte state = 1; state < Utf8State.Count; state++)
            _utf8[state] = EndOfCharacter(state);
        Names = Enumerable.Range(' ', 0x7F - ' ').Count(c => c is not '"' and not '\\' && tokens.HasByte[c]);
        AnyCharacter = Names > 0 ? 1 : Never;
        _hexDigit = Least("0123456789abcdefABCDEF");

        _values = new int[MaxDepth + 1][];
        _rests = new int[MaxDepth + 1][][];
        for (int levels = 0; levels <= MaxDepth; levels++)
        {
            _values[levels] = [.. grammar.Rules.Select(rule => MakeValue(rule, levels))];
            _rests[levels] = [.. grammar.Rules.Select(rule => rule.Object is { } o ? MakeRest(o, levels) : [])];
        }
    }

    /// <summary>Characters that are tokens and may be in a name.</summary>
    public int Names { get; }

    public int AnyCharacter { get; }

    public int Of(char value) => _tokens.HasByte[value] ? 1 : Never;

    /// <summary>The rest of a string's or name's character.</summary>
    /// <param name="phase">Where in a string it is.</param>
    /// <param name="part">As <see cref="JsonState.Part"/>.</param>
    public int Character(JsonPhase phase, byte part) => phase switch
    {
        JsonPhase.String or JsonPhase.Name => _utf8[part],
        JsonPhase.Escape => Math.Min(Least("\"\\/bfnrt"), Sum(Of('u'), Character(JsonPhase.Hex, 0))),
        JsonPhase.Hex => Math.Min(
            Sum(Least("0123456789abcefABCEF"), Character(JsonPhase.HexRest, 3)), Sum(Least("dD"), Character(JsonPhase.HexAfterD, 0))),
        JsonPhase.HexAfterD => Math.Min(
            Sum(Least("01234567"), Character(JsonPhase.HexRest, 2)), Sum(Least("89abAB"), Character(JsonPhase.HighRest, 2))),
        JsonPhase.HexRest => Times(part, _hexDigit),
        JsonPhase.HighRest => Sum(Times(part, _hexDigit), Character(JsonPhase.LowEscape, 0)),
        JsonPhase.LowEscape => Sum(Of('\\'), Character(JsonPhase.LowU, 0)),
        JsonPhase.LowU => Sum(Of('u'), Character(JsonPhase.LowD, 0)),
        JsonPhase.LowD => Sum(Least("dD"), Character(JsonPhase.LowSecond, 0)),
        JsonPhase.LowSecond => Sum(Least("cdefCDEF"), Character(JsonPhase.HexRest, 2)),
        _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, "This is not in a string."),
    };

    /// <param name="rule">What the value may be.</param>
    /// <param name="levels">How deep it may be nested.</param>
    public int Value(JsonRule rule, int levels) => _values[levels][rule.Index];

    /// <summary>An object's rest after a value.</summary>
    /// <param name="rule">The object's rule.</param>
    /// <param name="levels">How deep its values may be nested.</param>
    /// <param name="next">The first property that is still to come.</param>
    public int Rest(JsonRule rule, int levels, int next) => _rests[levels][rule.Index][next];

    /// <summary>An object's rest where no property has come yet.</summary>
    public int First(JsonRule rule, int levels)
    {
        JsonObjectRule properties = rule.Object!;
        int first = properties.RequiredFrom(0);
        return first == properties.Properties.Count
            ? Of('}')
            : Sum(Of('"'), Spelling(properties.Properties[first].Name)[0], Of('"'), Of(':'), From(rule, levels, first));
    }

    /// <summary>An object's rest from a property's value on.</summary>
    public int From(JsonRule rule, int levels, int property) => property == 0 && rule.Object!.Variants is not null
        ? Variants(rule.Object, levels, 0)
        : Sum(Value(rule.Object!.Properties[property].Rule, levels), Rest(rule, levels, property + 1));

    /// <summary>An object's rest from a place in the value that decides what its other properties are.</summary>
    public int Variants(JsonObjectRule rule, int levels, int place)
    {
        TextTrie literals = rule.Properties[0].Rule.Literals!;
        int depth = literals.Depth(place);
        return literals.Below(place).Min(text => Sum(Spelling(literals.Texts[text])[depth], Rest(rule.Variants![text], levels, 1)));
    }

    /// <summary>An array's rest after some items.</summary>
    public int Rest(JsonArrayRule rule, int levels, int items)
    {
        long missing = Math.Max(0, rule.MinItems - items);
        long separators = items == 0 ? Math.Max(0, missing - 1) : missing;
        return Sum(Times(missing, missing == 0 ? 0 : Value(rule.Items, levels)), Times(separators, Of(',')), Of(']'));
    }

    /// <summary>For each beginning of a text, the tokens that its rest takes.</summary>
    public int[] Spelling(byte[] text)
    {
        if (_spellings.TryGetValue(text, out int[]? known))
            return known;
        int[] costs = new int[text.Length + 1];
        for (int from = text.Length - 1; from >= 0; from--)
        {
            costs[from] = Never;
            for (int length = 1; length <= Math.Min(_tokens.Longest, text.Length - from); length++)
            {
                if (_tokens.Has(text.AsSpan(from, length)))
                    costs[from] = Math.Min(costs[from], Sum(1, costs[from + length]));
            }
        }

        return _spellings[text] = costs;
    }

    /// <summary>The rest of the shortest of a pattern's texts from a state on.</summary>
    public int Rest(ByteAutomaton pattern, int state)
    {
        if (!_patterns.TryGetValue(pattern, out int[]? rests))
            _patterns.Add(pattern, rests = Rests(pattern));
        return rests[state];
    }

    /// <summary>The rest of the shortest of the texts that begin as a place does.</summary>
    public int Rest(TextTrie texts, int place) => texts.Below(place).Min(t => Spelling(texts.Texts[t])[texts.Depth(place)]);

    public static int Sum(params ReadOnlySpan<int> costs)
    {
        long sum = 0;
        foreach (int cost in costs)
            sum += cost;
        return (int)Math.Min(Never, sum);
    }

    public static int Times(long count, int cost) => count == 0 ? 0 : count >= Never ? Never : (int)Math.Min(Never, count * cost);

    private int MakeValue(JsonRule rule, int levels)
    {
        int cost = Never;
        if (rule.Literals is { } literals)
            cost = Rest(literals, 0);
        if (rule.Number is { } number)
            cost = Math.Min(cost, Rest(number, 0));
        if (rule.String is { Pattern: { } pattern })
            cost = Math.Min(cost, Sum(Of('"'), Rest(pattern, 0), Of('"')));
        else if (rule.String is { } text)
            cost = Math.Min(cost, Sum(Of('"'), Times(text.MinLength, AnyCharacter), Of('"')));
        if (levels == 0)
            return cost;
        if (rule.Array is { } array)
            cost = Math.Min(cost, Sum(Of('['), Rest(array, levels - 1, 0)));
        if (rule.Object is not null)
            cost = Math.Min(cost, Sum(Of('{'), First(rule, levels - 1)));
        return cost;
    }

    private int[] MakeRest(JsonObjectRule rule, int levels)
    {
        int[] rest = new int[rule.Properties.Count + 1];
        rest[^1] = Of('}');
        for (int i = rule.Properties.Count - 1; i >= 0; i--)
            rest[i] = rule.Properties[i] is { IsRequired: true } property
                ? Sum(Of(','), Whole(property, levels), rest[i + 1])
                : rest[i + 1];
        return rest;
    }

    // From its first quotation mark on.
    private int Whole(JsonPropertyRule property, int levels) =>
        Sum(Of('"'), Spelling(property.Name)[0], Of('"'), Of(':'), Value(property.Rule, levels));

    // From each state by single bytes, which are found backwards from the ends.
    private int[] Rests(ByteAutomaton pattern)
    {
        var before = new List<int>[pattern.States];
        for (int state = 0; state < before.Length; state++)
            before[state] = [];
        for (int state = 0; state < before.Length; state++)
        {
            for (int value = 0; value <= byte.MaxValue; value++)
            {
                if (_tokens.HasByte[value] && pattern.Next(state, (byte)value) is not ByteAutomaton.None and var next)
                    before[next].Add(state);
            }
        }

        int[] rests = new int[pattern.States];
        Array.Fill(rests, Never);
        var open = new Queue<int>(Enumerable.Range(0, rests.Length).Where(pattern.Accepts));
        foreach (int end in open)
            rests[end] = 0;
        while (open.TryDequeue(out int state))
        {
            foreach (int earlier in before[state])
            {
                if (rests[earlier] < Never)
                    continue;
                rests[earlier] = rests[state] + 1;
                open.Enqueue(earlier);
            }
        }

        return rests;
    }

    private int EndOfCharacter(byte state)
    {
        int cost = Never;
        for (int value = 0x80; value <= 0xBF; value++)
        {
            // States of fewer bytes have lower numbers.
            byte next = Utf8State.Next(state, (byte)value);
            if (next != Utf8State.Invalid && _tokens.HasByte[value])
                cost = Math.Min(cost, Sum(1, _utf8[next]));
        }

        return cost;
    }

    private int Least(string characters) => characters.Min(Of);
}
