using System.Globalization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Rules of strings and numbers.</summary>
/// <param name="typeName">
/// The name of the schema. A schema says of a byte no more than that it is a whole number; but AIJsonUtilities names it by its type.
/// </param>
internal sealed class JsonScalarReader(string? typeName)
{
    // What is below this of an open interval's end is left out.
    private const decimal Step = 1e-9m;

    private static readonly Dictionary<string, (Int128 Least, Int128 Most)> _wholeTypes = new(StringComparer.Ordinal)
    {
        ["SByte"] = (sbyte.MinValue, sbyte.MaxValue),
        ["Byte"] = (byte.MinValue, byte.MaxValue),
        ["Int16"] = (short.MinValue, short.MaxValue),
        ["UInt16"] = (ushort.MinValue, ushort.MaxValue),
        ["Int32"] = (int.MinValue, int.MaxValue),
        ["UInt32"] = (uint.MinValue, uint.MaxValue),
        ["Int64"] = (long.MinValue, long.MaxValue),
        ["UInt64"] = (ulong.MinValue, ulong.MaxValue),
    };

    private static readonly Dictionary<string, string> _wholeFormats = new(StringComparer.Ordinal)
    {
        ["int8"] = "SByte",
        ["uint8"] = "Byte",
        ["int16"] = "Int16",
        ["uint16"] = "UInt16",
        ["int32"] = "Int32",
        ["uint32"] = "UInt32",
        ["int64"] = "Int64",
        ["uint64"] = "UInt64",
    };

    // Of an array, that of its items.
    private readonly string _itemType = (typeName ?? "").TrimEnd('_');

    /// <summary>The rule of strings.</summary>
    public JsonStringRule Strings(JsonSchemaKeywords schema)
    {
        int least = schema.Count("minLength") ?? 0;
        int? most = schema.Count("maxLength");
        if (least > most)
            throw schema.Bad($"'minLength' is {least}, and 'maxLength' {most}");
        ByteAutomaton? pattern = Pattern(schema);
        if (schema.Text("format") is { } format && TextFormats.Find(format) is { } texts)
            pattern = pattern?.And(texts) ?? texts;
        if (schema.Text("contentEncoding") == "base64" || (typeName == "Byte__" && pattern is null))
            pattern = pattern?.And(TextFormats.Find("base64")!) ?? TextFormats.Find("base64");
        // One character for JSON schema, and one char for .NET.
        if (pattern is null && most == 1)
            pattern = ByteAutomaton.Of(TextPattern.Any(CharacterClass.Plain, CharacterClass.OneUnitBeyondAscii).Times(least, 1));
        else if (pattern is not null && (least > 0 || most is not null))
            pattern = Limited(pattern, least, most, schema);
        return pattern is { IsEmpty: true }
            ? throw schema.Bad("no text fits all that it says of strings")
            : new JsonStringRule(least, most, pattern);
    }

    /// <summary>The whole numbers: those of an <see cref="int"/> where nothing else is said.</summary>
    public ByteAutomaton WholeNumbers(JsonSchemaKeywords schema)
    {
        (decimal? lowest, decimal? highest) = Bounds(schema, exclusiveStep: 1);
        string type = schema.Text("format") is { } format && _wholeFormats.TryGetValue(format, out string? named) ? named : _itemType;
        (Int128 least, Int128 most) = _wholeTypes.GetValueOrDefault(type, _wholeTypes["Int32"]);
        // Beyond those, only what the schema names.
        (Int128 first, Int128 last) = (Whole(lowest, decimal.Ceiling), Whole(highest, decimal.Floor));
        if (lowest is not null)
            (least, most) = (first, highest is null && first > most ? long.MaxValue : most);
        if (highest is not null)
            (least, most) = (lowest is null && last < least ? long.MinValue : least, last);
        return least <= most ? ByteAutomaton.Of(NumberPatterns.Whole(least, most)) : throw NoNumber(schema, lowest, highest);

        static Int128 Whole(decimal? bound, Func<decimal, decimal> round) =>
            Int128.Clamp((Int128)round(bound ?? 0), long.MinValue, ulong.MaxValue);
    }

    /// <summary>The numbers, with or without a fraction.</summary>
    public static ByteAutomaton Numbers(JsonSchemaKeywords schema)
    {
        (decimal? lowest, decimal? highest) = Bounds(schema, Step);
        if (lowest is null && highest is null)
            return NumberPatterns.Moderate;
        decimal least = Clamp(lowest ?? -NumberPatterns.Most), most = Clamp(highest ?? NumberPatterns.Most);
        return least <= most ? ByteAutomaton.Of(NumberPatterns.Between(least, most)) : throw NoNumber(schema, lowest, highest);

        static decimal Clamp(decimal bound) => Math.Clamp(bound, -NumberPatterns.Most, NumberPatterns.Most);
    }

    private static ByteAutomaton? Pattern(JsonSchemaKeywords schema)
    {
        if (schema.Text("pattern") is not { } pattern)
            return null;
        try
        {
            return TextFormats.OfPattern(pattern);
        }
        catch (NotSupportedException e)
        {
            throw new NotSupportedException(
                $"The JSON schema's keyword 'pattern' at {schema.Path} is {Quoted.Text(pattern)}, which is not supported: "
                + $"{Quoted.Message(e)}.",
                e);
        }
    }

    private static ByteAutomaton Limited(ByteAutomaton pattern, int least, int? most, JsonSchemaKeywords schema)
    {
        try
        {
            return pattern.OfLength(least, most);
        }
        catch (NotSupportedException e)
        {
            throw new NotSupportedException(
                $"The JSON schema's keywords 'minLength' and 'maxLength' at {schema.Path} are not supported beside such a pattern: "
                + $"{Quoted.Message(e)}.",
                e);
        }
    }

    // Both kinds of bounds, as those that are included.
    private static (decimal? Lowest, decimal? Highest) Bounds(JsonSchemaKeywords schema, decimal exclusiveStep)
    {
        decimal? above = schema.Number("exclusiveMinimum"), below = schema.Number("exclusiveMaximum");
        if (exclusiveStep == 1)
            (above, below) = (above is { } a ? decimal.Floor(a) : null, below is { } b ? decimal.Ceiling(b) : null);
        // At the end of decimals, a step does not count.
        above = above is { } low && Math.Abs(low) < decimal.MaxValue - 1 ? low + exclusiveStep : above;
        below = below is { } high && Math.Abs(high) < decimal.MaxValue - 1 ? high - exclusiveStep : below;
        return (Of(schema.Number("minimum"), above, Math.Max), Of(schema.Number("maximum"), below, Math.Min));

        static decimal? Of(decimal? bound, decimal? other, Func<decimal, decimal, decimal> choose) =>
            bound is { } b && other is { } o ? choose(b, o) : bound ?? other;
    }

    private static ArgumentException NoNumber(JsonSchemaKeywords schema, decimal? lowest, decimal? highest)
    {
        return schema.Bad($"there is no such number from {Text(lowest, "−∞")} to {Text(highest, "∞")}");

        static string Text(decimal? bound, string open) => bound?.ToString(CultureInfo.InvariantCulture) ?? open;
    }
}
