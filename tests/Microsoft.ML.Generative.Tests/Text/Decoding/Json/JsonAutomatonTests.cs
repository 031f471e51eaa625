using System.Text;
using CsCheck;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Decoding.Json;

namespace Microsoft.ML.Generative.Tests;

public sealed class JsonAutomatonTests
{
    private const string Structure = "{}[]\",:\\0159-+.eEu tfn\n";

    [Fact]
    public void What_a_json_writer_writes_is_allowed() =>
        JsonTexts.Documents.Sample(
            json => JsonTexts.Allows(JsonTexts.Anything, json), iter: 2_000, print: json => Encoding.UTF8.GetString(json));

    [Fact]
    public void What_is_allowed_can_be_parsed() =>
        Gen.Select(JsonTexts.Documents, Gen.Select(Gen.Int[0, 1000], Gen.Int[0, 2], Gen.OneOf(Gen.Byte, Gen.Int[0, Structure.Length - 1]
            .Select(i => (byte)Structure[i]))).Array[1, 3])
            .Sample((json, changes) =>
            {
                List<byte> changed = [.. json];
                foreach ((int place, int kind, byte value) in changes)
                {
                    int at = place % (changed.Count + 1);
                    if (kind == 0 || at == changed.Count)
                        changed.Insert(at, value);
                    else if (kind == 1)
                        changed[at] = value;
                    else
                        changed.RemoveAt(at);
                }

                byte[] text = [.. changed];
                return !JsonTexts.Allows(JsonTexts.Anything, text) || JsonTexts.CanParse(text);
            }, iter: 20_000);

    [Fact]
    public void From_everywhere_a_byte_leads_nearer_to_the_end() =>
        JsonTexts.Documents.Sample(json =>
        {
            JsonAutomaton automaton = JsonTexts.Automaton(JsonTexts.Anything);
            JsonState state = automaton.Start;
            foreach (byte value in json)
            {
                int cost = automaton.Cost(state);
                Assert.True(cost == 0 || Enumerable.Range(0, 256)
                    .Any(b => automaton.TryStep(state, (byte)b, out JsonState next) && automaton.Cost(next) < cost));
                Assert.True(automaton.TryStep(state, value, out state));
            }

            Assert.Equal(0, automaton.Cost(state));
        }, iter: 300);

    [Theory]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("-0.5e+10")]
    [InlineData("123456789012345.123456789012345E-99")]
    [InlineData("\"\\ud83e\\udd17\\u00e9\\/\\b\"")]
    [InlineData("\"\u007f\u2028\uffff🤗\"")]
    [InlineData(" \n[ ] ")]
    [InlineData("{\"\":{},\"a\":[[],[{\"\":null}]]}")]
    public void Of_RFC_8259_this_is_allowed(string text) => Assert.True(JsonTexts.Allows(JsonTexts.Anything, text.TrimEnd()));

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("-")]
    [InlineData("+1")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("1e999")]
    [InlineData("1234567890123456")]
    [InlineData("\"\t\"")]
    [InlineData("\"\\x\"")]
    [InlineData("\"\\u12g4\"")]
    [InlineData("\"\\ud83e\"")]
    [InlineData("\"\\udd17\"")]
    [InlineData("\"\\ud83e\\u0041\"")]
    [InlineData("[1,]")]
    [InlineData("[,1]")]
    [InlineData("[1 2]")]
    [InlineData("[1}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\" 1}")]
    [InlineData("{a:1}")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("nul")]
    [InlineData("True")]
    [InlineData("{} {}")]
    [InlineData("[] ,")]
    public void This_is_not_allowed(string text) => Assert.False(JsonTexts.Allows(JsonTexts.Anything, text));

    [Theory]
    [InlineData(new byte[] { 0xC0, 0x80 })]
    [InlineData(new byte[] { 0xE0, 0x80, 0x80 })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })]
    [InlineData(new byte[] { 0x80 })]
    [InlineData(new byte[] { 0xE2, 0x82 })]
    public void Bytes_that_are_no_characters_are_not_allowed(byte[] bytes)
    {
        Assert.False(JsonTexts.Allows(JsonTexts.Anything, [(byte)'"', .. bytes, (byte)'"']));
        Assert.False(JsonTexts.Allows(JsonTexts.Anything, [.. "{\""u8, .. bytes, .. "\":1}"u8]));
    }

    [Fact]
    public void Nesting_ends_where_readers_stop_by_default()
    {
        static string Nested(int depth) => new string('[', depth) + new string(']', depth);
        Assert.True(JsonTexts.Allows(JsonTexts.Anything, Nested(64)));
        Assert.False(JsonTexts.Allows(JsonTexts.Anything, Nested(65)));
        Assert.True(JsonTexts.CanParse(Encoding.UTF8.GetBytes(Nested(64))));
        Assert.False(JsonTexts.CanParse(Encoding.UTF8.GetBytes(Nested(65))));
    }

    [Fact]
    public void Without_a_schema_the_text_is_an_object()
    {
        Assert.True(JsonTexts.Allows(ChatResponseFormat.Json, "{\"a\": [1, true]}"));
        foreach (string other in (string[])["[]", "1", "\"a\"", "null"])
            Assert.False(JsonTexts.Allows(ChatResponseFormat.Json, other));
    }

    [Fact]
    public void Whitespace_is_no_more_than_a_line_break_and_an_indentation()
    {
        Assert.True(JsonTexts.Allows(ChatResponseFormat.Json, "{\r\n    \"a\" : 1\r\n}"));
        Assert.False(JsonTexts.Allows(ChatResponseFormat.Json, "{\r\n     \"a\" : 1\r\n}"));
    }
}
