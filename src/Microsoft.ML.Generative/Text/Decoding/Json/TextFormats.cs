namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// Texts of the formats that JSON schemas name, as System.Text.Json reads them. Somewhat fewer than there are: what is at the edge of
/// .NET's types is left out.
/// </summary>
internal static class TextFormats
{
    // From 0100 on, so that no time zone leads out of the years that DateTime has.
    private const string Year = @"(0[1-9]|[1-8]\d|9[0-8])\d\d";
    private const string LeapYear = @"((0[1-9]|[1-8]\d|9[0-8])(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)";
    private const string MonthAndDay = @"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))";
    private const string Date = $"({Year}-{MonthAndDay}|{LeapYear}-02-29)";
    private const string Time = @"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,7})?";
    private const string Offset = @"(Z|[+-](0\d|1[0-3]):[0-5]\d)";
    private const string Host = @"[A-Za-z0-9]+([.-][A-Za-z0-9]+)*";
    private const string Octet = @"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
    private const string VersionPart = @"(0|[1-9]\d{0,8})";

    private static readonly Dictionary<string, Lazy<ByteAutomaton>> _formats = new(StringComparer.Ordinal)
    {
        ["uuid"] = Read("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
        ["date"] = Read(Date),
        // TimeOnly has no offset.
        ["time"] = Read(Time),
        ["date-time"] = Read($"{Date}T{Time}{Offset}"),
        ["duration"] = Read(
            @"P(\d{1,4}D(T\d{1,2}H(\d{1,2}M)?(\d{1,2}S)?)?|T(\d{1,2}H(\d{1,2}M)?(\d{1,2}S)?|\d{1,2}M(\d{1,2}S)?|\d{1,2}S))"),
        ["email"] = Read($@"[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*@{Host}\.[A-Za-z]{{2,10}}"),
        ["hostname"] = Read(Host),
        ["ipv4"] = Read($@"{Octet}(\.{Octet}){{3}}"),
        ["uri"] = Read($@"https?://{Host}(:[1-9]\d{{0,3}})?(/[A-Za-z0-9._~/?=&+,;:@#-]*)?"),
        // Bits that stand for nothing are 0.
        ["base64"] = Read("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"),
    };

    // Patterns by which System.Text.Json describes types that cannot hold all that fits them: hours of 99, or long numbers.
    private static readonly Dictionary<string, Lazy<ByteAutomaton>> _patterns = new(StringComparer.Ordinal)
    {
        [@"^-?(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?$"] = Read($@"-?((0|[1-9]\d{{0,6}})\.)?{Time}"),
        [@"^\d+(\.\d+){1,3}$"] = Read($@"{VersionPart}(\.{VersionPart}){{1,3}}"),
    };

    /// <summary>The texts of a format; <see langword="null"/> for one that is not supported, and is an annotation.</summary>
    public static ByteAutomaton? Find(string format) => _formats.GetValueOrDefault(format)?.Value;

    /// <summary>The texts of a pattern.</summary>
    /// <exception cref="NotSupportedException">The pattern is not supported; the message says why, as the end of a sentence.</exception>
    public static ByteAutomaton OfPattern(string pattern) =>
        _patterns.TryGetValue(pattern, out Lazy<ByteAutomaton>? known) ? known.Value : ByteAutomaton.Of(PatternReader.Read(pattern));

    private static Lazy<ByteAutomaton> Read(string pattern) => new(() => ByteAutomaton.Of(PatternReader.Read(pattern)));
}
