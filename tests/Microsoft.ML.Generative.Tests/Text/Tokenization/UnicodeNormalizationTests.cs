using System.Globalization;
using System.Text;
using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization.Unicode;

namespace Microsoft.ML.Generative.Tests;

public sealed class UnicodeNormalizationTests
{
    // From Unicode Standard Annex #15, figures 3 to 6, and the Unicode Standard, section 3.12 (Hangul).
    [Theory]
    [InlineData("\u212B", "A\u030A", "\u00C5", "A\u030A", "\u00C5")]
    [InlineData("\u2126", "\u03A9", "\u03A9", "\u03A9", "\u03A9")]
    [InlineData("\u1E69", "s\u0323\u0307", "\u1E69", "s\u0323\u0307", "\u1E69")]
    [InlineData("\u1E0B\u0323", "d\u0323\u0307", "\u1E0D\u0307", "d\u0323\u0307", "\u1E0D\u0307")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307")]
    [InlineData("\uFB01", "\uFB01", "\uFB01", "fi", "fi")]
    [InlineData("2\u2075", "2\u2075", "2\u2075", "25", "25")]
    [InlineData("\u1E9B\u0323", "\u017F\u0323\u0307", "\u1E9B\u0323", "s\u0323\u0307", "\u1E69")]
    [InlineData("\uD4DB", "\u1111\u1171\u11B6", "\uD4DB", "\u1111\u1171\u11B6", "\uD4DB")]
    [InlineData("\u0958", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165")]
    public void The_forms_are_those_of_the_standard(string text, string d, string c, string kd, string kc)
    {
        Assert.Equal(d, UnicodeNormalization.Normalize(text, NormalizationForm.FormD));
        Assert.Equal(c, UnicodeNormalization.Normalize(text, NormalizationForm.FormC));
        Assert.Equal(kd, UnicodeNormalization.Normalize(text, NormalizationForm.FormKD));
        Assert.Equal(kc, UnicodeNormalization.Normalize(text, NormalizationForm.FormKC));
    }

    [Fact]
    public void Composing_what_was_decomposed_is_composing() => UnicodeText.Any.Select(UnicodeText.WellFormed).Sample(text =>
    {
        string composed = UnicodeNormalization.Normalize(text, NormalizationForm.FormC);
        Assert.Equal(composed, UnicodeNormalization.Normalize(
            UnicodeNormalization.Normalize(text, NormalizationForm.FormD), NormalizationForm.FormC));
        Assert.Equal(composed, UnicodeNormalization.Normalize(composed, NormalizationForm.FormC));
    });

    // https://www.unicode.org/Public/15.0.0/ucd/NormalizationTest.txt
    [DataFileFact("unicode/NormalizationTest.txt")]
    public void The_standard_s_own_test_passes()
    {
        foreach (string line in File.ReadLines(DataFile.Find("unicode/NormalizationTest.txt")!)
            .Where(line => line.Length > 0 && line[0] is not ('#' or '@')))
        {
            string[] columns = [.. line.Split(';')[..5].Select(column => string.Concat(
                column.Split(' ').Select(code =>
                    char.ConvertFromUtf32(int.Parse(code, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)))))];
            Assert.All(columns[..3], text => Assert.Equal(columns[1], UnicodeNormalization.Normalize(text, NormalizationForm.FormC)));
            Assert.All(columns[3..], text => Assert.Equal(columns[3], UnicodeNormalization.Normalize(text, NormalizationForm.FormC)));
            Assert.All(columns[..3], text => Assert.Equal(columns[2], UnicodeNormalization.Normalize(text, NormalizationForm.FormD)));
            Assert.All(columns[3..], text => Assert.Equal(columns[4], UnicodeNormalization.Normalize(text, NormalizationForm.FormD)));
            Assert.All(columns, text => Assert.Equal(columns[3], UnicodeNormalization.Normalize(text, NormalizationForm.FormKC)));
            Assert.All(columns, text => Assert.Equal(columns[4], UnicodeNormalization.Normalize(text, NormalizationForm.FormKD)));
        }
    }
}
