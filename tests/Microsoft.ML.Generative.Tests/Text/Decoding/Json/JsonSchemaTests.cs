using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding.Json;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class JsonSchemaTests
{
    private const string Person = """
        {
          "type": "object",
          "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 3 },
            "age": { "type": ["integer", "null"] },
            "kind": { "enum": ["cat", "catfish", 7, 71] },
            "tags": { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 2 }
          },
          "required": ["name", "kind"],
          "additionalProperties": false
        }
        """;

    private const string Open = """
        {
          "properties": {"a": {"type": "integer"}, "ab": {"type": "null"}},
          "type": "object",
          "additionalProperties": {"type": "boolean"},
          "required": ["ab"]
        }
        """;

    private const string Tree = """
        {
          "$ref": "#/$defs/node",
          "$defs": {
            "node": {
              "type": "object",
              "properties": {"left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}, "v": {"const": "x\"y"}},
              "required": ["left", "v"]
            }
          }
        }
        """;

    [Theory]
    [InlineData(Person, """{"name":"a","kind":"cat"}""")]
    [InlineData(Person, """{ "name": "🤗é\n", "age": -12, "kind": 71, "tags": ["", "b"] }""")]
    [InlineData(Person, """{"name":"\ud83e\udd17\u0041b","age":null,"kind":7}""")]
    [InlineData(Person, """{"name":"a","kind":"catfish","tags":["x"]}""")]
    [InlineData(Open, """{"ab":null}""")]
    [InlineData(Open, """{"a":3,"ab":null,"b":true,"":false,"abc":true}""")]
    [InlineData(Tree, """{"left":{"left":null,"v":"x\"y"},"v":"x\"y"}""")]
    [InlineData("""{"type":"number"}""", "-1.5e3")]
    [InlineData("""{"enum":[1, 12, 1.5, "1"]}""", "12")]
    [InlineData("""{"enum":[1, 12, 1.5, "1"]}""", "1")]
    [InlineData("""{"type":"integer","enum":[1, 1.5, "1"]}""", "1")]
    [InlineData("""{"type":["boolean","array"],"items":false}""", "[]")]
    [InlineData("""{"type":"object"}""", """{"a":[1]}""")]
    [InlineData("""{"minItems":1,"description":"anything, but no empty array"}""", """{"a":[]}""")]
    [InlineData("""{"type":"object","required":["x"]}""", """{"x":{}}""")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"object","properties":{"a":{"$ref":"#"}}}]}""", """{"a":{"a":1}}""")]
    [InlineData("""{"type":"string","format":"color","title":"annotations say nothing"}""", "\"today\"")]
    public void A_value_of_the_schema_is_allowed(string schema, string json)
    {
        JsonTexts.Parse(json);
        Assert.True(JsonTexts.Allows(JsonTexts.Schema(schema), json));
    }

    [Theory]
    [InlineData(Person, """{}""")]
    [InlineData(Person, """{"name":"a"}""")]
    [InlineData(Person, """{"kind":"cat"}""")]
    [InlineData(Person, """{"kind":"cat","name":"a"}""")]
    [InlineData(Person, """{"name":"","kind":"cat"}""")]
    [InlineData(Person, """{"name":"abcd","kind":"cat"}""")]
    [InlineData(Person, """{"name":"a","kind":"catf"}""")]
    [InlineData(Person, """{"name":"a","kind":72}""")]
    [InlineData(Person, """{"name":"a","age":1.5,"kind":"cat"}""")]
    [InlineData(Person, """{"name":"a","age":1e2,"kind":"cat"}""")]
    [InlineData(Person, """{"name":"a","kind":"cat","tags":[]}""")]
    [InlineData(Person, """{"name":"a","kind":"cat","tags":["a","b","c"]}""")]
    [InlineData(Person, """{"name":"a","kind":"cat","tags":[1]}""")]
    [InlineData(Person, """{"name":"a","kind":"cat","more":1}""")]
    [InlineData(Person, """{"name":"a","name":"a","kind":"cat"}""")]
    [InlineData(Open, """{"a":true,"ab":null}""")]
    [InlineData(Open, """{"b":true,"ab":null}""")]
    [InlineData(Open, """{"ab":null,"a":true}""")]
    [InlineData(Open, """{"ab":null,"b":1}""")]
    [InlineData(Open, """{"ab":null,"b":true,"b":true}""")]
    [InlineData(Open, """{"ab":null,"\u0061":true}""")]
    [InlineData(Tree, """{"left":null,"v":"xy"}""")]
    [InlineData(Tree, """{"left":{},"v":"x\"y"}""")]
    [InlineData("""{"type":"number"}""", "\"1\"")]
    [InlineData("""{"enum":[1, 12, 1.5, "1"]}""", "2")]
    [InlineData("""{"type":"integer","enum":[1, 1.5, "1"]}""", "1.5")]
    [InlineData("""{"type":["boolean","array"],"items":false}""", "[1]")]
    [InlineData("""{"minItems":1}""", "[]")]
    [InlineData("""{"type":"object","required":["x"]}""", """{}""")]
    public void Another_value_is_not_allowed(string schema, string json) =>
        Assert.False(JsonTexts.Allows(JsonTexts.Schema(schema), json));

    [Theory]
    [InlineData("""{"type":"string","pattern":"(a)\\1"}""", "'pattern' at #")]
    [InlineData("""{"properties":{"a/b":{"type":"integer","multipleOf":2}}}""", "'multipleOf' at #/properties/a~1b")]
    [InlineData("""{"type":"array","items":{"not":{}}}""", "'not' at #/items")]
    [InlineData("""{"type":"array","prefixItems":[]}""", "'prefixItems'")]
    [InlineData("""{"enum":[1],"minLength":1}""", "'minLength' at # is not supported beside 'enum'")]
    [InlineData("""{"anyOf":[{"type":"string"},{"enum":["a"]}]}""", "values of one kind")]
    [InlineData("""{"anyOf":[{"type":"object"},{"type":["object","null"]}]}""", "values of one kind")]
    [InlineData("""{"enum":[{}]}""", "'enum' at # holds Object")]
    [InlineData("""{"$ref":"https://example.org/schema"}""", "example.org")]
    public void What_is_not_known_is_refused_by_name(string schema, string named) =>
        Assert.Contains(named, Assert.Throws<NotSupportedException>(() => JsonGrammar.Of(JsonTexts.Schema(schema))).Message);

    [Theory]
    [InlineData("3", "object was expected")]
    [InlineData("""{"type":"text"}""", "'\"text\"'")]
    [InlineData("""{"type":"string","minLength":-1}""", "'minLength' is '-1'")]
    [InlineData("""{"properties":{"a":{"$ref":"#/$defs/a"}}}""", "no such part")]
    [InlineData("""{"$ref":"#"}""", "refers to itself")]
    [InlineData("""{"anyOf":[{"$ref":"#"},{"type":"null"}]}""", "contains itself")]
    [InlineData("""{"enum":[]}""", "leaves no value")]
    [InlineData("""{"type":"string","minLength":3,"maxLength":2}""", "'minLength' is 3, and 'maxLength' 2")]
    [InlineData("""{"type":"array","minItems":1,"items":false}""", "'minItems' is 1, but")]
    [InlineData("""{"type":"object","properties":{"a":false}}""", "#/properties/a")]
    [InlineData("""{"type":"object","required":["a"],"additionalProperties":false}""", "'a' is required")]
    [InlineData("""{"type":"object","properties":{"a":{},"a":{}}}""", "twice")]
    [InlineData("""{"enum":["\ud800"]}""", "not usable")]
    public void A_schema_that_is_not_valid_is_refused_with_the_place(string schema, string named) =>
        Assert.Contains(named, Assert.Throws<ArgumentException>(() => JsonGrammar.Of(JsonTexts.Schema(schema))).Message);

    [Fact]
    public void A_value_that_can_never_end_is_refused()
    {
        const string endless = """{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}""";
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.TrainBytePairEncoding(["abc"], 300));
        var error = Assert.Throws<NotSupportedException>(() => JsonFormat.Of(new() { ResponseFormat = JsonTexts.Schema(endless) }, codec));
        Assert.Contains("nested too deeply", error.Message);
    }

    [Fact]
    public void Options_are_checked_before_anything_is_written()
    {
        var options = new TextGenerationOptions { ResponseFormat = JsonTexts.Schema("""{"not":{}}""") };
        Assert.Throws<NotSupportedException>(() => options.Validate(10));
        options = new TextGenerationOptions { ResponseFormat = ChatResponseFormat.Json, Beams = 2 };
        Assert.Contains("ResponseFormat", Assert.Throws<ArgumentException>(() => options.Validate(10)).Message);
    }

    [Fact]
    public void A_copy_of_options_outlives_the_schema_s_document()
    {
        TextGenerationOptions copy;
        using (JsonDocument document = JsonDocument.Parse(Person))
            copy = new TextGenerationOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(document.RootElement) }.Copy();
        copy.Validate(10);
    }
}
