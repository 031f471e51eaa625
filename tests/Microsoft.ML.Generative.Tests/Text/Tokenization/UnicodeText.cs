using System.Text;
using CsCheck;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Texts of all kinds of characters, for property tests.</summary>
internal static class UnicodeText
{
    private static readonly string[] _rare =
        ["\n", "\t", "\r\n", "\0", "  ", "\u00A0", "\u2581", "\uFFFD", "<|endoftext|>", "<0x41>", "<s>", "'s", "\u200D", "\uFEFF"];

    private static readonly Gen<string> _character = Gen.Frequency(
        (6, Gen.Int[' ', '~'].Select(c => ((char)c).ToString())),
        (1, Gen.Int[0, _rare.Length - 1].Select(i => _rare[i])),
        (2, Gen.Int[0xA0, 0x2FF].Select(c => ((char)c).ToString())),
        (2, Gen.Int[0x300, 0xD7FF].Select(c => ((char)c).ToString())),
        (2, Gen.Int[0x10000, 0x10FFFF].Select(char.ConvertFromUtf32)),
        (1, Gen.Int[0x1F600, 0x1F64F].Select(char.ConvertFromUtf32)),
        // Half of a surrogate pair.
        (1, Gen.Int[0xD800, 0xDFFF].Select(c => ((char)c).ToString())));

    /// <summary>Any string, valid Unicode or not.</summary>
    public static Gen<string> Any { get; } = _character.Array[0, 40].Select(string.Concat);

    /// <summary>The text with U+FFFD in place of halves of surrogate pairs.</summary>
    public static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
