using System.Text;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>A class of characters of a regular expression, and how they are written in a JSON string.</summary>
internal sealed class CharacterClass
{
    private const int MostBeyondAscii = 512;
    private const char FirstBeyondAscii = '\u0080';

    private static readonly ByteSet _tail = ByteSet.Range(0x80, 0xBF);

    // What needs no escape.
    private static readonly ByteSet _plain = ByteSet.Range(0x20, 0x7E) & ~ByteSet.Of('"') & ~ByteSet.Of('\\');

    private readonly HashSet<Rune> _beyondAscii = [];
    private ByteSet _ascii;

    /// <summary>Characters of UTF-8 beyond ASCII that are one UTF-16 unit.</summary>
    public static TextPattern OneUnitBeyondAscii { get; } = TextPattern.Any(
        Bytes((0xC2, 0xDF), (0x80, 0xBF)), Bytes((0xE0, 0xE0), (0xA0, 0xBF), (0x80, 0xBF)), Bytes((0xE1, 0xEC), (0x80, 0xBF), (0x80, 0xBF)),
        Bytes((0xED, 0xED), (0x80, 0x9F), (0x80, 0xBF)), Bytes((0xEE, 0xEF), (0x80, 0xBF), (0x80, 0xBF)));

    /// <summary>Characters of ASCII that need no escape.</summary>
    public static TextPattern Plain => TextPattern.Of(_plain);

    /// <summary>Any character but line breaks, quotation marks and backslashes.</summary>
    public static TextPattern Dot => new CharacterClass().ToPattern(isNegated: true)!;

    private static TextPattern BeyondAscii { get; } = TextPattern.Any(
        OneUnitBeyondAscii, Bytes((0xF0, 0xF0), (0x90, 0xBF), (0x80, 0xBF), (0x80, 0xBF)),
        Bytes((0xF1, 0xF3), (0x80, 0xBF), (0x80, 0xBF), (0x80, 0xBF)), Bytes((0xF4, 0xF4), (0x80, 0x8F), (0x80, 0xBF), (0x80, 0xBF)));

    public void Add(ByteSet ascii) => _ascii |= ascii;

    /// <exception cref="NotSupportedException">The range has too many characters.</exception>
    public void Add(Rune first, Rune last)
    {
        if (first.Value < FirstBeyondAscii)
            _ascii |= ByteSet.Range(first.Value, Math.Min(last.Value, FirstBeyondAscii - 1));
        for (int value = Math.Max(first.Value, FirstBeyondAscii); value <= last.Value; value++)
        {
            if (Rune.IsValid(value))
                _beyondAscii.Add(new Rune(value));
            if (_beyondAscii.Count > MostBeyondAscii)
                throw new NotSupportedException($"a class has more than {MostBeyondAscii} characters beyond ASCII");
        }
    }

    /// <summary>The characters, or all others; of the others, those that need an escape are left out.</summary>
    /// <returns><see langword="null"/>: there are none.</returns>
    public TextPattern? ToPattern(bool isNegated)
    {
        List<TextPattern> options = [];
        ByteSet plain = (isNegated ? ~_ascii : _ascii) & _plain;
        if (!plain.IsEmpty)
            options.Add(TextPattern.Of(plain));
        if (isNegated)
        {
            if (_beyondAscii.Count == 0)
                options.Add(BeyondAscii);
        }
        else
        {
            options.AddRange(_beyondAscii.Select(rune => TextPattern.Of(rune.ToString())));
            options.AddRange("\"\\\n\r\t".Where(c => _ascii.Contains(c))
                .Select(c => TextPattern.Of(Encoding.UTF8.GetString(JsonGrammar.Escape($"{c}")))));
        }

        return options.Count == 0 ? null : TextPattern.Any(options);
    }

    private static TextPattern Bytes(params (int First, int Last)[] ranges) =>
        TextPattern.All([.. ranges.Select(r => TextPattern.Of(r == (0x80, 0xBF) ? _tail : ByteSet.Range(r.First, r.Last)))]);
}
