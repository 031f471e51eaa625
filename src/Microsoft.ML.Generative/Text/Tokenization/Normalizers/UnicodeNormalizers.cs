using System.Text;
using Microsoft.ML.Generative.Text.Tokenization.Unicode;

namespace Microsoft.ML.Generative.Text.Tokenization.Normalizers;

/// <summary>One of Unicode's normal forms.</summary>
internal sealed class FormNormalizer(NormalizationForm form) : TextNormalizer
{
    public override string Normalize(string text, NormalizerContext context) => UnicodeNormalization.Normalize(text, form);
}

/// <summary>Removes marks, such as accents that a decomposition has set apart.</summary>
internal sealed class MarksNormalizer : TextNormalizer
{
    public override string Normalize(string text, NormalizerContext context) => RuneText.Where(text, rune => !CharacterKinds.IsMark(rune));
}

/// <summary>The normalization of BERT. Devlin et al., 2018; https://github.com/google-research/bert, tokenization.py.</summary>
internal sealed class BertNormalizer(bool cleanText, bool separateIdeographs, bool stripAccents, bool lowercase) : TextNormalizer
{
    private static readonly LowercaseNormalizer _lowercase = new();

    public override string Normalize(string text, NormalizerContext context)
    {
        if (cleanText)
            text = Clean(text);
        if (separateIdeographs)
            text = SeparateIdeographs(text);
        if (stripAccents)
        {
            text = RuneText.Where(
                UnicodeNormalization.Normalize(text, NormalizationForm.FormD),
                rune => Rune.GetUnicodeCategory(rune) != System.Globalization.UnicodeCategory.NonSpacingMark);
        }

        return lowercase ? _lowercase.Normalize(text, context) : text;
    }

    private static string Clean(string text)
    {
        text = RuneText.Where(
            text, rune => rune.Value is '\t' or '\n' or '\r' || !(rune.Value is 0 or 0xFFFD || CharacterKinds.IsOther(rune)));
        return string.Create(text.Length, text, static (characters, source) =>
        {
            for (int i = 0; i < source.Length; i++)
                characters[i] = char.IsWhiteSpace(source[i]) ? ' ' : source[i];
        });
    }

    private static string SeparateIdeographs(string text)
    {
        var separated = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (CharacterKinds.IsIdeograph(rune))
                separated.Append(' ').Append(rune).Append(' ');
            else
                separated.Append(rune);
        }

        return separated.ToString();
    }
}

internal static class RuneText
{
    /// <summary>The text without the characters that the condition does not hold for.</summary>
    public static string Where(string text, Func<Rune, bool> condition)
    {
        var kept = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (condition(rune))
                kept.Append(rune);
        }

        return kept.ToString();
    }
}
