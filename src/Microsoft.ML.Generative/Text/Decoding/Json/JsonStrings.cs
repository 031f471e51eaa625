using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Strings, after their first quotation mark.</summary>
internal static class JsonStrings
{
    public static bool TryStep(byte value, ref JsonState next)
    {
        JsonStringRule rule = next.Rule!.String!;
        switch (next.Phase)
        {
            case JsonPhase.String when rule.Pattern is { } pattern:
                return TryPattern(pattern, value, ref next);
            case JsonPhase.String when next.Part != 0:
                next.Part = Utf8State.Next(next.Part, value);
                return next.Part != Utf8State.Invalid;
            case JsonPhase.String when value == '"':
                return next.Count >= rule.MinLength && next.EndValue();
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

    // After a backslash, a quotation mark is part of the text.
    private static bool TryPattern(ByteAutomaton pattern, byte value, ref JsonState next)
    {
        int place = pattern.Next(next.Place, value);
        if (place == ByteAutomaton.None)
            return value == '"' && pattern.Accepts(next.Place) && next.EndValue();
        next.Place = place;
        return true;
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
}
