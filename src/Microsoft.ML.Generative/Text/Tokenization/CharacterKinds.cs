using System.Globalization;
using System.Text;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>Kinds of characters that normalizers and pre-tokenizers ask for.</summary>
internal static class CharacterKinds
{
    /// <summary>
    /// The characters of words in a pattern's class, as in Unicode's UTS #18 and Rust's regular expressions: alphabetic ones (letters,
    /// numbers that are letters, circled letters), marks, digits, connectors and joiners.
    /// </summary>
    public const string WordClass = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u200C\u200D\u24B6-\u24E9";

    /// <summary>A symbol of <see cref="WordClass"/>, which stands for those outside the Basic Multilingual Plane.</summary>
    public const char CircledLetter = '\u24B6';

    /// <summary>Whether the character is one of <see cref="WordClass"/>, or of its kind outside the Basic Multilingual Plane.</summary>
    public static bool IsWord(Rune rune) => IsCircledLetter(rune) || rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark
        or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;

    /// <summary>Letters in circles and squares, which are symbols to the general categories.</summary>
    public static bool IsCircledLetter(Rune rune) => rune.Value is
        (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    public static bool IsNumber(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Unicode's punctuation, and what of ASCII is neither letter, digit nor blank.</summary>
    public static bool IsPunctuation(Rune rune) =>
        Rune.IsPunctuation(rune) || (rune.IsAscii && rune.Value is > ' ' and < 127 && !Rune.IsLetterOrDigit(rune));

    public static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>Controls, formats and private characters; not those that Unicode has not assigned.</summary>
    public static bool IsOther(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;

    /// <summary>The ideographs that BERT sets apart by spaces.</summary>
    public static bool IsIdeograph(Rune rune) => rune.Value is
        (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F)
        or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
