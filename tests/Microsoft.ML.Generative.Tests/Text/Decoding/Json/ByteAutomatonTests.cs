using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Microsoft.ML.Generative.Text.Decoding.Json;

namespace Microsoft.ML.Generative.Tests;

public sealed class ByteAutomatonTests
{
    // Regular expressions of whole texts; .NET's own say what fits.
    [Theory]
    [InlineData("ab*c")]
    [InlineData("a+b?|c{2}|(?:ab){1,3}")]
    [InlineData("(a|bc)*d{0,2}")]
    [InlineData("[a-c]{2,}[^a-c]")]
    [InlineData("\\d\\w\\s.|\\D\\W")]
    [InlineData("(?<name>a)(b|)c*?")]
    [InlineData("a{3}|a{0}b")]
    [InlineData("[\\d-]+x")]
    [InlineData("\\x61\\u0062[\\.+]")]
    public void A_pattern_reads_what_a_regular_expression_matches(string pattern)
    {
        var automaton = ByteAutomaton.Of(PatternReader.Read(pattern));
        var expected = new Regex($"^(?:{pattern})\\z", RegexOptions.ECMAScript);
        Gen.Char["abcdx01 .+-_"].Array[0, 6].Select(c => new string(c)).Sample(
            text => Accepts(automaton, text) == expected.IsMatch(text), iter: 3_000);
    }

    [Theory]
    [InlineData("^a$|^b$", "a,b", "aa,ab,")]
    [InlineData("ä[β-δ]", "äβ,äδ", "ä,äε,a")]
    [InlineData(".", "a,ä,🤗,日", "ab,\n")]
    [InlineData("[^a]", "b,日", "a")]
    public void Anchors_and_what_is_beyond_ASCII_are_read(string pattern, string right, string wrong)
    {
        var automaton = ByteAutomaton.Of(PatternReader.Read(pattern));
        Assert.All(right.Split(','), text => Assert.True(Accepts(automaton, text), text));
        Assert.All(wrong.Split(','), text => Assert.False(Accepts(automaton, text), text));
    }

    // In a JSON string, a quotation mark, a backslash and a line break have escapes.
    [Fact]
    public void What_needs_an_escape_has_one() =>
        Assert.True(Accepts(ByteAutomaton.Of(PatternReader.Read("\"\\\\[\\n]")), "\\\"\\\\\\n"));

    [Theory]
    [InlineData("(a)\\1", "escape '\\1'")]
    [InlineData("a(?=b)", "group '(?='")]
    [InlineData("a(?<!b)", "group '(?!'")]
    [InlineData("a\\b", "escape '\\b'")]
    [InlineData("(^a)", "'^'")]
    [InlineData("a$b", "'$'")]
    [InlineData("a**", "'*' after a repetition")]
    [InlineData("a++", "'+' after a repetition")]
    [InlineData("(a", "not closed")]
    [InlineData("a)", "closes nothing")]
    [InlineData("[a", "not closed")]
    [InlineData("[b-a]", "range b-a")]
    [InlineData("a{2,1}", "no repetition")]
    [InlineData("a{5000}", "5000")]
    [InlineData("\\p{L}", "escape '\\p'")]
    [InlineData("[\\u4e00-\\u9fff]", "more than 512")]
    [InlineData("((a{500}){500})", "too large")]
    public void What_is_not_supported_is_named(string pattern, string words) =>
        Assert.Contains(words, Assert.Throws<NotSupportedException>(() => TextFormats.OfPattern(pattern)).Message);

    [Fact]
    public void A_range_has_the_whole_numbers_in_it() =>
        Gen.Select(Gen.Int[-1200, 1200], Gen.Int[0, 1500]).Sample((least, more) =>
        {
            var automaton = ByteAutomaton.Of(NumberPatterns.Whole(least, least + more));
            for (int number = -2750; number <= 2750; number++)
                Assert.Equal(number >= least && number <= least + more, Accepts(automaton, Text(number)));
            Assert.False(Accepts(automaton, "-0"));
            Assert.False(Accepts(automaton, "00"));
        }, iter: 40);

    [Theory]
    [InlineData(long.MinValue, long.MaxValue)]
    [InlineData(int.MinValue, int.MaxValue)]
    public void The_ends_of_types_are_exact(long least, long most)
    {
        var automaton = ByteAutomaton.Of(NumberPatterns.Whole(least, most));
        Assert.True(Accepts(automaton, Text(least)));
        Assert.True(Accepts(automaton, Text(most)));
        Assert.False(Accepts(automaton, ((Int128)least - 1).ToString(CultureInfo.InvariantCulture)));
        Assert.False(Accepts(automaton, ((Int128)most + 1).ToString(CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void A_range_has_the_numbers_in_it()
    {
        Gen<decimal> bound = Gen.Int[-30_000, 30_000].Select(i => i / 100m);
        Gen.Select(bound, bound, Gen.Int[-3_000_000, 3_000_000].Select(i => i / 10_000m).Array[40]).Sample((a, b, numbers) =>
        {
            (decimal least, decimal most) = (Math.Min(a, b), Math.Max(a, b));
            var automaton = ByteAutomaton.Of(NumberPatterns.Between(least, most));
            Assert.True(Accepts(automaton, Plain(least)) && Accepts(automaton, Plain(most)), $"{least} {most}");
            foreach (decimal number in numbers)
                Assert.True(Accepts(automaton, Plain(number)) == (number >= least && number <= most), $"{number} in {least} to {most}");
        }, iter: 150);

        // Without zeros at the end, which are allowed only where nothing is decided by them.
        static string Plain(decimal number) => number.ToString("0.############", CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Characters_are_counted_and_two_patterns_combined()
    {
        var automaton = ByteAutomaton.Of(PatternReader.Read("(ä|\"|b)*"));
        ByteAutomaton two = automaton.OfLength(1, 2), many = automaton.OfLength(2, null);
        Assert.True(Accepts(two, "ä\\\"") && Accepts(two, "b") && Accepts(many, "bbbb") && Accepts(many, "\\\"ä"));
        Assert.False(Accepts(two, "") || Accepts(two, "bbb") || Accepts(many, "ä"));
        ByteAutomaton both = automaton.And(ByteAutomaton.Of(PatternReader.Read("b{2}|c")));
        Assert.True(Accepts(both, "bb"));
        Assert.False(Accepts(both, "b") || Accepts(both, "c"));
        Assert.True(automaton.And(ByteAutomaton.Of(PatternReader.Read("c"))).IsEmpty);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static bool Accepts(ByteAutomaton automaton, string text)
    {
        int state = 0;
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            state = automaton.Next(state, value);
            if (state == ByteAutomaton.None)
                return false;
        }

        return automaton.Accepts(state);
    }
}
