using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// Reads JSON (RFC 8259) byte by byte and gives what may follow. Texts may be less than RFC 8259 allows, so that a model cannot go astray and every reader
/// takes them: names are different from each other and without escapes, a pair of \u-escapes makes one character, numbers have at most
/// <see cref="MostDigits"/> digits before and after the point and two of exponent, nesting ends at <see cref="JsonCosts.MaxDepth"/>, and whitespace is at most
/// a line break and an indentation.
/// </summary>
internal sealed class JsonAutomaton(JsonGrammar grammar, JsonCosts costs)
{
    private const int MostDigits = 15;
    private const int MostExponentDigits = 2;
    private const int MostSpaces = 2;
    private const int MostSpacesOfLevel = 4;

    // FNV-1a.
    private const ulong HashStart = 14695981039346656037;
    private const ulong HashFactor = 1099511628211;

    // Instead of a state of UTF-8: a name with an escape, which has to be one of those known.
    private const byte KnownNameOnly = Utf8State.Count;

    public JsonState Start => new() { Phase = JsonPhase.Value, Rule = grammar.Root };

    /// <summary>Whether a text may end here.</summary>
    public static bool IsComplete(in JsonState state) => state.Frame is null && state.Phase switch
    {
        JsonPhase.Done or JsonPhase.Zero or JsonPhase.Digits or JsonPhase.Fraction or JsonPhase.ExponentDigits => true,
        JsonPhase.Literal => state.Rule!.Literals!.TextAt(state.Place) != TextTrie.None,
        _ => false,
    };

    /// <summary>
    /// How many whole characters other than quotation mark, backslash and control characters may follow without changing more than that the text may then need
    /// one token more; 0 outside of strings and names.
    /// </summary>
    public static int PlainCharacters(in JsonState state) => state switch
    {
        { Part: not 0 } => 0,
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
                return TrySpace(value, ref next) || (value == ']' ? TryEndArray(ref next) : TryBeginItem(ref next) && TryBeginValue(value, ref next));
            case JsonPhase.ObjectStart:
                return TrySpace(value, ref next) || (value == '}' ? TryEndObject(ref next) : TryBeginName(value, ref next));
            case JsonPhase.BeforeName:
                return TrySpace(value, ref next) || TryBeginName(value, ref next);
            case JsonPhase.Name:
                return TryName(value, ref next);
            case JsonPhase.AfterName:
                return TrySpace(value, ref next) || (value == ':' && Go(JsonPhase.Value, ref next));
            case JsonPhase.AfterValue:
                return TryAfterValue(value, ref next);
            case JsonPhase.Literal:
                return TryLiteral(state.Rule!.Literals!, state.Rule.Literals!.Next(state.Place, value), ref next)
                    || (state.Rule.Literals.TextAt(state.Place) != TextTrie.None && TryEndAndGoOn(value, ref next));
            case JsonPhase.Done:
                return false;
            case >= JsonPhase.Minus:
                return TryNumber(value, ref next);
            default:
                return TryString(value, ref next);
        }
    }

    /// <summary>Tokens that the text needs at most from here to its shortest end.</summary>
    public int Cost(in JsonState state)
    {
        int rest = AfterValue(state.Frame);
        return state.Phase switch
        {
            JsonPhase.Value => JsonCosts.Sum(costs.Value(state.Rule!, Levels(state.Frame)), rest),
            JsonPhase.ArrayStart or JsonPhase.AfterValue => rest,
            JsonPhase.ObjectStart => FirstName(state.Frame!),
            JsonPhase.BeforeName => JsonCosts.Sum(costs.Of('"'), Name(BeginName(state))),
            JsonPhase.Name => Name(state),
            JsonPhase.AfterName => JsonCosts.Sum(costs.Of(':'), costs.Value(state.Rule!, Levels(state.Frame)), rest),
            JsonPhase.Literal => JsonCosts.Sum(costs.Rest(state.Rule!.Literals!, state.Place), rest),
            JsonPhase.Done => 0,
            JsonPhase.Minus or JsonPhase.Point or JsonPhase.Exponent or JsonPhase.ExponentSign => JsonCosts.Sum(costs.Digit, rest),
            >= JsonPhase.Minus => rest,
            _ => JsonCosts.Sum(
                costs.Character(state.Phase, state.Part), JsonCosts.Times(Math.Max(0, state.Rule!.String!.MinLength - state.Count), costs.AnyCharacter), costs.Of('"'), rest),
        };
    }

    private static int Levels(JsonFrame? frame) => JsonCosts.MaxDepth - (frame?.Depth ?? 0);

    private int AfterValue(JsonFrame? frame) => frame switch
    {
        null => 0,
        { IsObject: true } => JsonCosts.Sum(costs.Rest(frame.Rule, Levels(frame), frame.Next), frame.After),
        _ => JsonCosts.Sum(costs.Rest(frame.Rule.Array!, Levels(frame), frame.Next), frame.After),
    };

    private int FirstName(JsonFrame frame) =>
        JsonCosts.Sum(costs.First(frame.Rule.Object!, Levels(frame), next => costs.Rest(frame.Rule, Levels(frame), next)), frame.After);

    private int Name(in JsonState state)
    {
        JsonFrame frame = state.Frame!;
        JsonObjectRule rule = frame.Rule.Object!;
        int levels = Levels(frame), cost = JsonCosts.Never;
        if (state.Place != TextTrie.None)
        {
            int depth = rule.Names.Depth(state.Place);
            foreach (int property in rule.Names.Below(state.Place))
            {
                if (!rule.MayFollow(property, frame.Next))
                    continue;
                (byte[] name, JsonRule value, _) = rule.Properties[property];
                cost = Math.Min(cost, JsonCosts.Sum(costs.Spelling(name)[depth], EndOfName(value), costs.Rest(frame.Rule, levels, property + 1)));
            }
        }

        if (state.Part != KnownNameOnly && MayAdd(frame))
        {
            // One of the characters that may come next makes any name a new one: there are more of them than names.
            bool isNew = state.Part == 0 && !IsKnown(state, rule) && frame.Used?.Contains(state.NameHash) != true;
            cost = Math.Min(cost, JsonCosts.Sum(
                costs.Character(JsonPhase.Name, state.Part), isNew ? 0 : costs.AnyCharacter, EndOfName(rule.Additional!), costs.Rest(frame.Rule, levels, rule.Properties.Count)));
        }

        return JsonCosts.Sum(cost, frame.After);

        int EndOfName(JsonRule value) => JsonCosts.Sum(costs.Of('"'), costs.Of(':'), costs.Value(value, levels));
    }

    private static bool IsKnown(in JsonState state, JsonObjectRule rule) => state.Place != TextTrie.None && rule.Names.TextAt(state.Place) != TextTrie.None;

    private bool MayAdd(JsonFrame frame)
    {
        JsonObjectRule rule = frame.Rule.Object!;
        return rule.Additional is not null && rule.IsCompleteAt(frame.Next)
            && (frame.Used?.Count ?? 0) + rule.Properties.Count < Math.Max(1, costs.Names);
    }

    private static bool Go(JsonPhase phase, ref JsonState next)
    {
        (next.Phase, next.Count) = (phase, 0);
        return true;
    }

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
                next.Part = 0;
                return Go(JsonPhase.String, ref next);
            case (byte)'-' when rule.Number is not null:
                return Go(JsonPhase.Minus, ref next);
            case >= (byte)'0' and <= (byte)'9' when rule.Number is not null:
                return BeginDigits(value, ref next);
            default:
                return rule.Literals is { } literals && Go(JsonPhase.Literal, ref next) && TryLiteral(literals, literals.Next(0, value), ref next);
        }
    }

    private bool TryOpen(bool isObject, JsonPhase phase, ref JsonState next)
    {
        int depth = next.Frame?.Depth ?? 0;
        if (depth == JsonCosts.MaxDepth)
            return false;
        next.Frame = new JsonFrame(next.Frame, next.Rule!, isObject, depth + 1, AfterValue(next.Frame));
        return Go(phase, ref next);
    }

    private static bool EndValue(ref JsonState next) => Go(next.Frame is null ? JsonPhase.Done : JsonPhase.AfterValue, ref next);

    private static bool EndFrame(ref JsonState next)
    {
        next.Frame = next.Frame!.Parent;
        return EndValue(ref next);
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
        return Go(JsonPhase.Value, ref next);
    }

    private static bool TryAfterValue(byte value, ref JsonState next) => TrySpace(value, ref next) || (value, next.Frame!.IsObject) switch
    {
        ((byte)',', true) => Go(JsonPhase.BeforeName, ref next),
        ((byte)',', false) => TryBeginItem(ref next),
        ((byte)'}', true) => TryEndObject(ref next),
        ((byte)']', false) => TryEndArray(ref next),
        _ => false,
    };

    // Numbers and some of the values that are spelled out end with what comes after them; the whole text's with whitespace.
    private static bool TryEndAndGoOn(byte value, ref JsonState next)
    {
        EndValue(ref next);
        return next.Phase == JsonPhase.Done ? IsSpace(value) : TryAfterValue(value, ref next);
    }

    private static bool TryLiteral(TextTrie literals, int place, ref JsonState next)
    {
        if (place == TextTrie.None)
            return false;
        next.Place = place;
        return !literals.IsLeaf(place) || EndValue(ref next);
    }

    private static JsonState BeginName(in JsonState state)
    {
        JsonState next = state;
        next.Place = state.Frame!.Rule.Object!.Properties.Count > 0 ? 0 : TextTrie.None;
        (next.Part, next.NameHash) = (0, HashStart);
        Go(JsonPhase.Name, ref next);
        return next;
    }

    private static bool TryBeginName(byte value, ref JsonState next)
    {
        if (value != '"')
            return false;
        next = BeginName(next);
        return true;
    }

    private bool TryName(byte value, ref JsonState next)
    {
        JsonObjectRule rule = next.Frame!.Rule.Object!;
        int place = next.Place == TextTrie.None ? TextTrie.None : rule.Names.Next(next.Place, value);
        // Within an escape of a known name even a quotation mark is part of it.
        if (place == TextTrie.None && value == '"')
            return TryEndName(rule, ref next);
        if (place == TextTrie.None && (value is (byte)'\\' or < 0x20 || next.Part == KnownNameOnly || !MayAdd(next.Frame)))
            return false;

        next.Place = place;
        next.NameHash = (next.NameHash ^ value) * HashFactor;
        if (value == '\\')
            next.Part = KnownNameOnly;
        else if (next.Part != KnownNameOnly)
            next.Part = Utf8State.Next(next.Part, value);
        return next.Part != Utf8State.Invalid;
    }

    private bool TryEndName(JsonObjectRule rule, ref JsonState next)
    {
        JsonFrame frame = next.Frame!;
        if (IsKnown(next, rule))
        {
            int property = rule.Names.TextAt(next.Place);
            next.Frame = frame with { Next = property + 1 };
            next.Rule = rule.Properties[property].Rule;
            return rule.MayFollow(property, frame.Next) && Go(JsonPhase.AfterName, ref next);
        }

        if (next.Part != 0 || !MayAdd(frame) || frame.Used?.Contains(next.NameHash) == true)
            return false;
        next.Frame = frame with { Next = rule.Properties.Count, Used = new JsonNames(next.NameHash, frame.Used, (frame.Used?.Count ?? 0) + 1) };
        next.Rule = rule.Additional;
        return Go(JsonPhase.AfterName, ref next);
    }

    private static bool TryString(byte value, ref JsonState next)
    {
        JsonStringRule rule = next.Rule!.String!;
        switch (next.Phase)
        {
            case JsonPhase.String when next.Part != 0:
                next.Part = Utf8State.Next(next.Part, value);
                return next.Part != Utf8State.Invalid;
            case JsonPhase.String when value == '"':
                return next.Count >= rule.MinLength && EndValue(ref next);
            case JsonPhase.String:
                if (next.Count == rule.MaxLength || value < 0x20)
                    return false;
                next.Count++;
                if (value == '\\')
                    next.Phase = JsonPhase.Escape;
                else
                    next.Part = Utf8State.Next(0, value);
                return next.Part != Utf8State.Invalid;
            case JsonPhase.Escape:
                next.Phase = value == 'u' ? JsonPhase.Hex : JsonPhase.String;
                return "\"\\/bfnrtu".Contains((char)value, StringComparison.Ordinal);
            default:
                return TryHex((char)value, ref next);
        }
    }

    // Half of a surrogate pair is no character: the second half has to follow the first.
    private static bool TryHex(char value, ref JsonState next)
    {
        int digit = char.IsAsciiHexDigit(value) ? Convert.ToInt32(value.ToString(), 16) : -1;
        (bool isRight, next.Phase, next.Part) = (next.Phase, next.Part) switch
        {
            (JsonPhase.Hex, _) => (digit >= 0, digit == 0xD ? JsonPhase.HexAfterD : JsonPhase.HexRest, (byte)3),
            (JsonPhase.HexAfterD, _) => (digit is >= 0 and < 0xC, digit < 8 ? JsonPhase.HexRest : JsonPhase.HighRest, (byte)2),
            (JsonPhase.HexRest, 1) => (digit >= 0, JsonPhase.String, (byte)0),
            (JsonPhase.HighRest, 1) => (digit >= 0, JsonPhase.LowEscape, (byte)0),
            (JsonPhase.LowEscape, _) => (value == '\\', JsonPhase.LowU, (byte)0),
            (JsonPhase.LowU, _) => (value == 'u', JsonPhase.LowD, (byte)0),
            (JsonPhase.LowD, _) => (digit == 0xD, JsonPhase.LowSecond, (byte)0),
            (JsonPhase.LowSecond, _) => (digit >= 0xC, JsonPhase.HexRest, (byte)2),
            var (phase, part) => (digit >= 0, phase, (byte)(part - 1)),
        };
        return isRight;
    }

    private static bool BeginDigits(byte value, ref JsonState next)
    {
        Go(value == '0' ? JsonPhase.Zero : JsonPhase.Digits, ref next);
        next.Count = 1;
        return true;
    }

    private static bool TryNumber(byte value, ref JsonState next)
    {
        bool isDigit = char.IsAsciiDigit((char)value), isWhole = next.Rule!.Number == JsonNumberKind.Integer;
        switch (next.Phase)
        {
            case JsonPhase.Minus:
                return isDigit && BeginDigits(value, ref next);
            case JsonPhase.Point:
                return isDigit && TryDigit(JsonPhase.Fraction, MostDigits, ref next);
            case JsonPhase.Exponent when value is (byte)'+' or (byte)'-':
                return Go(JsonPhase.ExponentSign, ref next);
            case JsonPhase.Exponent or JsonPhase.ExponentSign:
                return isDigit && TryDigit(JsonPhase.ExponentDigits, MostExponentDigits, ref next);
            case JsonPhase.Digits or JsonPhase.Fraction when isDigit:
                return TryDigit(next.Phase, MostDigits, ref next);
            case JsonPhase.ExponentDigits when isDigit:
                return TryDigit(next.Phase, MostExponentDigits, ref next);
            case JsonPhase.Zero or JsonPhase.Digits when value == '.' && !isWhole:
                return Go(JsonPhase.Point, ref next);
            case JsonPhase.Zero or JsonPhase.Digits or JsonPhase.Fraction when value is (byte)'e' or (byte)'E' && !isWhole:
                return Go(JsonPhase.Exponent, ref next);
            default:
                return TryEndAndGoOn(value, ref next);
        }
    }

    private static bool TryDigit(JsonPhase phase, int most, ref JsonState next)
    {
        next.Phase = phase;
        return next.Count++ < most;
    }
}
