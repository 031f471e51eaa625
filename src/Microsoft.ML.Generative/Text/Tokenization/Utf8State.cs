namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The bytes that may come next within a character of UTF-8 (RFC 3629, section 4); 0 is between two characters.</summary>
internal static class Utf8State
{
    public const byte Invalid = byte.MaxValue;

    private const byte OneMore = 1;
    private const byte TwoMore = 2;
    private const byte ThreeMore = 3;
    private const byte AfterE0 = 4;
    private const byte AfterEd = 5;
    private const byte AfterF0 = 6;
    private const byte AfterF4 = 7;

    /// <summary>States there are.</summary>
    public const int Count = 8;

    public static byte Next(byte state, byte value) => state switch
    {
        0 => value switch
        {
            < 0x80 => 0,
            >= 0xC2 and <= 0xDF => OneMore,
            0xE0 => AfterE0,
            0xED => AfterEd,
            >= 0xE1 and <= 0xEF => TwoMore,
            0xF0 => AfterF0,
            >= 0xF1 and <= 0xF3 => ThreeMore,
            0xF4 => AfterF4,
            _ => Invalid,
        },
        OneMore => value is >= 0x80 and <= 0xBF ? (byte)0 : Invalid,
        TwoMore => value is >= 0x80 and <= 0xBF ? OneMore : Invalid,
        ThreeMore => value is >= 0x80 and <= 0xBF ? TwoMore : Invalid,
        AfterE0 => value is >= 0xA0 and <= 0xBF ? OneMore : Invalid,
        AfterEd => value is >= 0x80 and <= 0x9F ? OneMore : Invalid,
        AfterF0 => value is >= 0x90 and <= 0xBF ? TwoMore : Invalid,
        AfterF4 => value is >= 0x80 and <= 0x8F ? TwoMore : Invalid,
        _ => Invalid,
    };
}
