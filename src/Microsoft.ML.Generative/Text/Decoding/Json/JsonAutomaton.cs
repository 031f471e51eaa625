namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// Reads JSON (RFC 8259) byte by byte and decides what may follow. Texts may be less than RFC 8259 allows, so that a model cannot go astray
/// and every reader accepts them: names are different from each other and without escapes, a pair of \u-escapes makes one character,
/// numbers are as <see cref="NumberPatterns"/> has them, nesting ends at <see cref="JsonCosts.MaxDepth"/>, and whitespace is at most a line
/// break and an indentation.
/// </summary>
internal sealed class JsonAutomaton(JsonGrammar grammar, JsonCosts costs)
{
    private const int MostSpaces = 2;
    private const int MostSpacesOfLevel = 4;

    private readonly JsonNames _names = new(costs.Names);
    private readonly JsonRemainder _remainder = new(costs, new JsonNames(costs.Names));

    public JsonState Start => new() { Phase = JsonPhase.Value, Rule = grammar.Root };

    /// <summary>Whether a text may end here.</summary>
    public static bool IsComplete(in JsonState state) => state.Frame is null && state.Phase switch
    {
        JsonPhase.Done => true,
        JsonPhase.Number => state.Rule!.Number!.Accepts(state.Place),
        JsonPhase.Literal => state.Rule!.Literals!.TextAt(state.Place) != TextTrie.None,
        _ => false,
    };

    /// <summary>
    /// How many whole characters other than quotation mark, backslash and control characters may follow without changing more than that the
    /// text may then need one token more; 0 outside of strings and names.
    /// </summary>
    public static int PlainCharacters(in JsonState state) => state switch
    {
        { Part: not 0 } or { Phase: JsonPhase.String, Rule.String.Pattern: not null } => 0,
        { Phase: JsonPhase.String, Rule.String.MaxLength: { } most } => most - state.Count,
        { Phase: JsonPhase.String } or { Phase: JsonPhase.Name, Place: TextTrie.None } => int.MaxValue,
        _ => 0,
    };

    /// <summary>The state after one more byte, if the text may go on with it.</summary>
    public bool TryStep(in JsonState state, byte value, out JsonState next)
    {
        next = state;
        switch (state.Phase)
        {
            case JsonPhase.Value:
                return TrySpace(value, ref next) || TryBeginValue(value, ref next);
            case JsonPhase.ArrayStart:
                return TrySpace(value, ref next)
                    || (value == ']' ? TryEndArray(ref next) : TryBeginItem(ref next) && TryBeginValue(value, ref next));
            case JsonPhase.ObjectStart:
                return TrySpace(value, ref next) || (value == '}' ? TryEndObject(ref next) : JsonNames.TryBegin(value, ref next));
            case JsonPhase.BeforeName:
                return TrySpace(value, ref next) || JsonNames.TryBegin(value, ref next);
            case JsonPhase.Name:
                return _names.TryStep(value, ref next);
            case JsonPhase.AfterName:
                return TrySpace(value, ref next) || (value == ':' && next.Go(JsonPhase.Value));
            case JsonPhase.AfterValue:
                return TryAfterValue(value, ref next);
            case JsonPhase.Number:
                return TryNumber(state.Rule!.Number!, value, ref next);
            case JsonPhase.Literal:
                return TryLiteral(state.Rule!.Literals!, state.Rule.Literals!.Next(state.Place, value), ref next)
                    || (state.Rule.Literals.TextAt(state.Place) != TextTrie.None && TryEndAndGoOn(value, ref next));
            case JsonPhase.Done:
                return false;
            default:
                return JsonStrings.TryStep(value, ref next);
        }
    }

    /// <summary>Tokens that the text needs at most from here to its shortest end.</summary>
    public int Cost(in JsonState state) => _remainder.Cost(state);

    private static bool TrySpace(byte value, ref JsonState next)
    {
        if (!IsSpace(value) || next.Count >= MostSpaces + MostSpacesOfLevel * (next.Frame?.Depth ?? 0))
            return false;
        next.Count++;
        return true;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    private bool TryBeginValue(byte value, ref JsonState next)
    {
        JsonRule rule = next.Rule!;
        switch (value)
        {
            case (byte)'{' when rule.Object is not null:
                return TryOpen(isObject: true, JsonPhase.ObjectStart, ref next);
            case (byte)'[' when rule.Array is not null:
                return TryOpen(isObject: false, JsonPhase.ArrayStart, ref next);
            case (byte)'"' when rule.String is not null:
                (next.Part, next.Place) = (0, 0);
                return next.Go(JsonPhase.String);
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9') when rule.Number is { } number:
                (next.Phase, next.Place) = (JsonPhase.Number, 0);
                return TryNumber(number, value, ref next);
            default:
                return rule.Literals is { } literals && next.Go(JsonPhase.Literal)
                    && TryLiteral(literals, literals.Next(0, value), ref next);
        }
    }

    private bool TryOpen(bool isObject, JsonPhase phase, ref JsonState next)
    {
        int depth = next.Frame?.Depth ?? 0;
        if (depth == JsonCosts.MaxDepth)
            return false;
        next.Frame = new JsonFrame(next.Frame, next.Rule!, isObject, depth + 1, _remainder.AfterValue(next.Frame));
        return next.Go(phase);
    }

    private static bool EndFrame(ref JsonState next)
    {
        next.Frame = next.Frame!.Parent;
        return next.EndValue();
    }

    private static bool TryEndObject(ref JsonState next) => next.Frame!.Rule.Object!.IsCompleteAt(next.Frame.Next) && EndFrame(ref next);

    private static bool TryEndArray(ref JsonState next) => next.Frame!.Next >= next.Frame.Rule.Array!.MinItems && EndFrame(ref next);

    private static bool TryBeginItem(ref JsonState next)
    {
        JsonArrayRule array = next.Frame!.Rule.Array!;
        if (next.Frame.Next == array.MaxItems)
            return false;
        next.Frame = next.Frame with { Next = next.Frame.Next + 1 };
        next.Rule = array.Items;
        return next.Go(JsonPhase.Value);
    }

    private static bool TryAfterValue(byte value, ref JsonState next) => TrySpace(value, ref next) || (value, next.Frame!.IsObject) switch
    {
        ((byte)',', true) => next.Go(JsonPhase.BeforeName),
        ((byte)',', false) => TryBeginItem(ref next),
        ((byte)'}', true) => TryEndObject(ref next),
        ((byte)']', false) => TryEndArray(ref next),
        _ => false,
    };

    // Numbers and some of the values that are spelled out end with what comes after them; the whole text's with whitespace.
    private static bool TryEndAndGoOn(byte value, ref JsonState next)
    {
        next.EndValue();
        return next.Phase == JsonPhase.Done ? IsSpace(value) : TryAfterValue(value, ref next);
    }

    private static bool TryNumber(ByteAutomaton number, byte value, ref JsonState next)
    {
        int place = number.Next(next.Place, value);
        if (place == ByteAutomaton.None)
            return number.Accepts(next.Place) && TryEndAndGoOn(value, ref next);
        next.Place = place;
        return true;
    }

    private static bool TryLiteral(TextTrie literals, int place, ref JsonState next)
    {
        if (place == TextTrie.None)
            return false;
        next.Place = place;
        return !literals.IsLeaf(place) || next.EndValue();
    }
}
