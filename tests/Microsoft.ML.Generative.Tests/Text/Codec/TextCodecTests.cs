using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What stands before and after a text is the tokenizer's decision alone.</summary>
public sealed class TextCodecTests : IDisposable
{
    private const string Llama = "llama-tokenizer/tokenizer.model";
    private const int Begin = 4, End = 5, Hello = 0, World = 1;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The post-processor, the tokenizer's configuration, and what stands round "Hello world".
    [Theory]
    [InlineData("", """{"add_bos_token": false, "bos_token": "<s>", "eos_token": "</s>"}""", "", "")]
    [InlineData("", """{"bos_token": null, "eos_token": "</s>"}""", "", "")]
    [InlineData("", """{"eos_token": "</s>"}""", "", "")]
    [InlineData("", """{"bos_token": "<s>", "eos_token": "</s>"}""", "", "")]
    [InlineData("", null, "", "")]
    [InlineData("<s>", """{"bos_token": "<s>", "eos_token": "</s>"}""", "<s>", "")]
    [InlineData("<s> </s>", """{"bos_token": "<s>", "eos_token": "</s>"}""", "<s>", "</s>")]
    [InlineData(
        "<s>", """{"add_bos_token": false, "bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "LlamaTokenizerFast"}""", "", "")]
    [InlineData(
        "",
        """{"add_bos_token": true, "add_eos_token": true, "bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "LlamaTokenizer"}""",
        "<s>", "</s>")]
    [InlineData(
        "<s>", """{"add_bos_token": false, "bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}""", "<s>",
        "")]
    public void Prompts_texts_and_documents_begin_and_end_as_the_tokenizer_says(string frame, string? config, string before, string after)
    {
        TextCodec codec = Codec(frame, config);
        int[] begin = before.Length > 0 ? [Begin] : [], end = after.Length > 0 ? [End] : [];
        Assert.Equal([.. begin, Hello, World, .. end], codec.Tokenizer.EncodeToIds("Hello world"));
        Assert.Equal([.. begin, Hello, World, .. end], codec.EncodeWhole("Hello world"));
        Assert.Equal([.. begin, Hello, World], codec.EncodePrompt("Hello world"));
        Assert.Equal([.. begin, Hello, World, End], codec.EncodeDocument("Hello world"));
        (int[] ids, int promptTokens) = codec.EncodeExample("Hello", " world");
        Assert.Equal([.. begin, Hello, World, End], ids);
        Assert.Equal(begin.Length + 1, promptTokens);
        Assert.Equal([Hello, World], codec.EncodeText("Hello world"));
    }

    [Fact]
    public void An_empty_prompt_is_the_token_that_begins_a_text_or_ends_another()
    {
        Assert.Equal([Begin], Codec("", """{"bos_token": "<s>", "eos_token": "</s>"}""").EncodePrompt(""));
        Assert.Equal([End], Codec("", """{"bos_token": null, "eos_token": "</s>"}""").EncodePrompt(""));
    }

    // What a document is predicted after where the tokenizer puts nothing before it.
    [Theory]
    [InlineData("", """{"bos_token": "</s>", "eos_token": "</s>"}""", End)]
    [InlineData("", """{"eos_token": "</s>"}""", End)]
    [InlineData("", """{"add_bos_token": false, "eos_token": "</s>"}""", null)]
    [InlineData("", """{"bos_token": null, "eos_token": "</s>"}""", null)]
    [InlineData("", """{"bos_token": "<s>", "eos_token": "</s>"}""", null)]
    [InlineData("<s>", """{"bos_token": "<s>", "eos_token": "</s>"}""", null)]
    public void A_document_follows_the_end_of_another_unless_the_tokenizer_says_otherwise(string frame, string config, int? expected) =>
        Assert.Equal(expected, Codec(frame, config).Begin);

    // Trained by an earlier version: with the token before each text, whatever the tokenizer says.
    [Fact]
    public void Models_of_earlier_versions_keep_the_token_that_they_were_trained_with()
    {
        TextCodec codec = Codec("", """{"bos_token": "<s>", "eos_token": "</s>"}""") with { BeginsWithBos = true };
        Assert.Equal([Begin, Hello, World], codec.EncodePrompt("Hello world"));
        Assert.Equal([Begin, Hello, World, End], codec.EncodeDocument("Hello world"));
    }

    [DataFileFact(Llama)]
    public void An_answer_goes_on_where_its_prompt_ends()
    {
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFile(DataFile.Find(Llama)!));
        (int[] ids, int promptTokens) = codec.EncodeExample("Capital of France:", " Paris");
        Assert.Equal([1, .. codec.EncodeText("Capital of France: Paris"), 2], ids);
        Assert.Equal(codec.EncodePrompt("Capital of France:"), ids[..promptTokens]);

        int[] prompt = codec.EncodePrompt("Capital of France: ");
        (ids, promptTokens) = codec.EncodeExample("Capital of France: ", "Paris");
        Assert.Equal(prompt, ids[..promptTokens]);
        var tokenizer = (GenerativeTokenizer)codec.Tokenizer;
        Assert.Equal("Capital of France: Paris", tokenizer.Decode(ids));
        Assert.False(tokenizer.TokenOf(ids[promptTokens])!.StartsWith('\u2581'));
    }

    private TextCodec Codec(string frame, string? config)
    {
        string[] tokens = frame.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        JsonNode? processor = null;
        if (tokens.Length > 0)
        {
            var single = new JsonArray();
            var special = new JsonObject();
            foreach (string token in tokens)
            {
                if (token == "</s>")
                    single.Add(Place("Sequence", "A"));
                single.Add(Place("SpecialToken", token));
                if (tokens.Length == 1)
                    single.Add(Place("Sequence", "A"));
                special[token] = new JsonObject
                {
                    ["id"] = token,
                    ["ids"] = new JsonArray(token == "<s>" ? Begin : End),
                    ["tokens"] = new JsonArray(token),
                };
            }

            processor = new JsonObject
            {
                ["type"] = "TemplateProcessing",
                ["single"] = single,
                ["pair"] = new JsonArray(),
                ["special_tokens"] = special,
            };
        }

        File.WriteAllText(_folder.File("tokenizer.json"), new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(Added(Begin, "<s>"), Added(End, "</s>")),
            ["pre_tokenizer"] = new JsonObject { ["type"] = "WhitespaceSplit" },
            ["post_processor"] = processor,
            ["model"] = new JsonObject
            {
                ["type"] = "WordLevel",
                ["vocab"] = new JsonObject { ["Hello"] = Hello, ["world"] = World, ["?"] = 2 },
                ["unk_token"] = "?",
            },
        }.ToJsonString());
        if (config is not null)
            File.WriteAllText(_folder.File("tokenizer_config.json"), config);
        // The model's own configuration names the tokens, but does not frame texts.
        File.WriteAllText(_folder.File("config.json"), $$"""{"bos_token_id": {{Begin}}, "eos_token_id": {{End}}}""");
        return TextCodec.Of(GenerativeTokenizers.FromFolder(_folder.Path));

        static JsonObject Place(string kind, string id) => new() { [kind] = new JsonObject { ["id"] = id, ["type_id"] = 0 } };

        static JsonObject Added(int id, string content) => new()
        {
            ["id"] = id,
            ["content"] = content,
            ["special"] = true,
            ["normalized"] = false,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
        };
    }
}
