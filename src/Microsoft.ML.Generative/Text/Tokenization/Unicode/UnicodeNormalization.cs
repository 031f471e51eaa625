using System.Text;

namespace Microsoft.ML.Generative.Text.Tokenization.Unicode;

/// <summary>
/// Unicode's normal forms, Unicode Standard Annex #15. Not <see cref="string.Normalize()"/>: that leaves every text as it is where an
/// application sets <c>InvariantGlobalization</c>, and follows the system's Unicode version, so that ids would depend on the machine.
/// </summary>
internal static class UnicodeNormalization
{
    // Hangul syllables are composed by arithmetic; the Unicode Standard, section 3.12.
    private const int SyllableBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int Leads = 19;
    private const int Vowels = 21;
    private const int Tails = 28;
    private const int Syllables = Leads * Vowels * Tails;

    // Below these nothing changes, in the forms C, and D and KD.
    private const char FirstNotComposed = '\u0300';
    private const char FirstCompatible = '\u00A0';

    public static string Normalize(string text, NormalizationForm form)
    {
        char first = form == NormalizationForm.FormC ? FirstNotComposed : FirstCompatible;
        if (text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(first - 1)) < 0)
            return text;

        List<int> codes = Decompose(text, form is NormalizationForm.FormKC or NormalizationForm.FormKD);
        if (form is NormalizationForm.FormC or NormalizationForm.FormKC)
            Compose(codes);
        var result = new StringBuilder(text.Length);
        foreach (int code in codes)
        {
            if (code > char.MaxValue)
                result.Append(char.ConvertFromUtf32(code));
            else
                result.Append((char)code);
        }

        return result.ToString();
    }

    private static List<int> Decompose(string text, bool compatibility)
    {
        List<int> codes = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            int code = rune.Value;
            int syllable = code - SyllableBase;
            if (syllable is >= 0 and < Syllables)
            {
                codes.Add(LeadBase + syllable / (Vowels * Tails));
                codes.Add(VowelBase + syllable % (Vowels * Tails) / Tails);
                if (syllable % Tails > 0)
                    codes.Add(TailBase + syllable % Tails);
            }
            else if (UnicodeData.Instance.Decomposition(code, compatibility) is { } parts)
            {
                codes.AddRange(parts);
            }
            else
            {
                codes.Add(code);
            }
        }

        SortMarks(codes);
        return codes;
    }

    /// <summary>Marks on the same character go by their class; of the same class, as they are.</summary>
    private static void SortMarks(List<int> codes)
    {
        for (int start = 0; start < codes.Count; start++)
        {
            if (UnicodeData.Instance.CombiningClass(codes[start]) == 0)
                continue;
            int end = start + 1;
            while (end < codes.Count && UnicodeData.Instance.CombiningClass(codes[end]) != 0)
                end++;
            if (end - start > 1)
            {
                int[] sorted = [.. codes.GetRange(start, end - start).OrderBy(UnicodeData.Instance.CombiningClass)];
                for (int i = 0; i < sorted.Length; i++)
                    codes[start + i] = sorted[i];
            }

            start = end;
        }
    }

    private static void Compose(List<int> codes)
    {
        int starter = -1;
        int lastClass = 0;
        int count = 0;
        for (int i = 0; i < codes.Count; i++)
        {
            int code = codes[i];
            int combiningClass = UnicodeData.Instance.CombiningClass(code);
            // A mark is blocked by one of its own class or a higher one between it and the starter.
            bool adjacent = starter == count - 1;
            if (starter >= 0 && (adjacent || (lastClass != 0 && lastClass < combiningClass))
                && Composed(codes[starter], code) is { } composed)
            {
                codes[starter] = composed;
                continue;
            }

            if (combiningClass == 0)
                starter = count;
            lastClass = combiningClass;
            codes[count++] = code;
        }

        codes.RemoveRange(count, codes.Count - count);
    }

    private static int? Composed(int first, int second)
    {
        if (first - LeadBase is >= 0 and < Leads && second - VowelBase is >= 0 and < Vowels)
            return SyllableBase + ((first - LeadBase) * Vowels + second - VowelBase) * Tails;
        if (first - SyllableBase is >= 0 and < Syllables && (first - SyllableBase) % Tails == 0 && second - TailBase is > 0 and < Tails)
            return first + second - TailBase;
        return UnicodeData.Instance.Composition(first, second);
    }
}
