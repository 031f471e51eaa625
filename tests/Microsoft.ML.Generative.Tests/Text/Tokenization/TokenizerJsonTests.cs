using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Parts of a tokenizer.json. The expected texts are what Hugging Face's tokenizers 0.22 make of the same JSON.</summary>
public sealed class TokenizerJsonTests
{
    private const string Cl100k =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static GenerativeTokenizer Load(string json) =>
        TokenizerFiles.Load(new Dictionary<string, byte[]> { ["tokenizer.json"] = Encoding.UTF8.GetBytes(json) });

    /// <summary>A tokenizer to which every piece is unknown.</summary>
    private static GenerativeTokenizer WithPart(string name, string part) => Load($$$"""
        {"version": "1.0", "added_tokens": [], "{{{name}}}": {{{part}}}, "decoder": {"type": "Fuse"},
         "model": {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}}
        """);

    private static string Split(string pattern, string behavior, bool invert = false, string kind = "Regex") =>
        new JsonObject
        {
            ["type"] = "Split",
            ["pattern"] = new JsonObject { [kind] = pattern },
            ["behavior"] = behavior,
            ["invert"] = invert,
        }.ToJsonString();

    public static TheoryData<string, string> PreTokenizers => new()
    {
        {
            """{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}""",
            "▁I'm|▁naïve:|▁12½|▁(x.y)|▁🤗s\n|▁𝐀b"
        },
        { """{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}""", "▁I'm▁naïve:▁12½▁(x.y)▁🤗s\n▁𝐀b" },
        {
            """{"type": "Metaspace", "replacement": "_", "prepend_scheme": "never", "split": true}""",
            "I'm|_naïve:|_12½|_(x.y)|_🤗s\n|_𝐀b"
        },
        { """{"type": "Whitespace"}""", "I|'|m|naïve|:|12|½|(|x|.|y|)|🤗|s|𝐀b" },
        { """{"type": "WhitespaceSplit"}""", "I'm|naïve:|12½|(x.y)|🤗s|𝐀b" },
        { """{"type": "BertPreTokenizer"}""", "I|'|m|naïve|:|12½|(|x|.|y|)|🤗s|𝐀b" },
        { """{"type": "Digits", "individual_digits": true}""", "I'm naïve: |1|2|½| (x.y) 🤗s\n 𝐀b" },
        { """{"type": "Digits", "individual_digits": false}""", "I'm naïve: |12½| (x.y) 🤗s\n 𝐀b" },
        { """{"type": "CharDelimiterSplit", "delimiter": "e"}""", "I'm naïv|: 12½ (x.y) 🤗s\n 𝐀b" },
        { """{"type": "Punctuation", "behavior": "Contiguous"}""", "I|'|m naïve|:| 12½ |(|x|.|y|)| 🤗s\n 𝐀b" },
        { Split(Cl100k, "Isolated"), "I|'m| naïve|:| |12½| (|x|.y|)| 🤗|s|\n| 𝐀b" },
        { Split(
            @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "Removed",
            invert: true), "I|'m|naïve|:|1|2|½|(|x|.|y|)|🤗|s|𝐀b" },
        { Split(@"\w++| ?+[^\w\s]*+|\s{2,3}|\s", "Isolated"), "I|'|m| |naïve|:| |12½| (|x|.|y|)| 🤗|s|\n| |𝐀b" },
        { Split(@"^\s*.|.$", "Isolated"), "I|'m naïve: 12½ (x.y) 🤗|s|\n| 𝐀|b" },
        { Split(@"[\w']+|\W", "Isolated"), "I'm| |naïve|:| |12|½| |(|x|.|y|)| |🤗|s|\n| |𝐀b" },
        { Split(@"[a-m]\d?|\s", "Removed"), "I'|n|ïv|:|12½|(x.y)|🤗s|𝐀" },
        { Split(@"[a-m]\d?|\s", "Removed", invert: true), "m| |a|e| | | |\n| |b" },
        { Split(@"[a-m]\d?|\s", "Isolated"), "I'|m| |n|a|ïv|e|:| |12½| |(x.y)| |🤗s|\n| |𝐀|b" },
        { Split(@"[a-m]\d?|\s", "MergedWithPrevious"), "I'm| |na|ïve|: |12½ |(x.y) |🤗s\n| |𝐀b" },
        { Split(@"[a-m]\d?|\s", "MergedWithPrevious", invert: true), "I'|m| n|aïv|e:| 12½| (x.y)| 🤗s|\n| 𝐀|b" },
        { Split(@"[a-m]\d?|\s", "MergedWithNext"), "I'|m| n|aïv|e:| 12½| (x.y)| 🤗s|\n| 𝐀|b" },
        { Split(@"[a-m]\d?|\s", "MergedWithNext", invert: true), "I'm| |na|ïve|: |12½ |(x.y) |🤗s\n| |𝐀b" },
        { Split(@"[a-m]\d?|\s", "Contiguous"), "I'|m |n|a|ïv|e|:| |12½| |(x.y)| |🤗s|\n |𝐀|b" },
        { Split("x.y", "Isolated", kind: "String"), "I'm naïve: 12½ (|x.y|) 🤗s\n 𝐀b" },
        {
            """
            {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}]}
            """,
            "▁I'm|▁naïve:|▁12½|▁(x.y)|▁🤗s|▁𝐀b"
        },
    };

    [Theory]
    [MemberData(nameof(PreTokenizers))]
    public void Pre_tokenizers_cut_as_Hugging_Face_s(string json, string expected)
    {
        var tokens = WithPart("pre_tokenizer", json).EncodeToTokens("I'm naïve: 12½ (x.y) 🤗s\n 𝐀b", out string? text);

        Assert.Equal(expected, string.Join('|', tokens.Select(token => text![token.Offset])));
    }

    [Theory]
    [InlineData("""{"type": "NFC"}""", "  ÀÉ ﬁ\t中İx\0 ")]
    [InlineData("""{"type": "NFKD"}""", "  A\u0300E\u0301 fi\t中I\u0307x\0 ")]
    [InlineData("""{"type": "Lowercase"}""", "  àé ﬁ\t中i\u0307x\0 ")]
    [InlineData("""{"type": "Strip", "strip_left": true, "strip_right": true}""", "ÀÉ ﬁ\t中İx\0")]
    [InlineData("""{"type": "Strip", "strip_left": true, "strip_right": false}""", "ÀÉ ﬁ\t中İx\0 ")]
    [InlineData("""{"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}""", "  AE ﬁ\t中Ix\0 ")]
    [InlineData("""{"type": "Prepend", "prepend": "XY"}""", "XY  ÀÉ ﬁ\t中İx\0 ")]
    [InlineData("""{"type": "Replace", "pattern": {"Regex": " {2,}|x"}, "content": "$0"}""", "$0ÀÉ ﬁ\t中İ$0\0 ")]
    [InlineData("""{"type": "Replace", "pattern": {"String": " "}, "content": ""}""", "ÀÉﬁ\t中İx\0")]
    [InlineData(
        """{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}""",
        "  ae ﬁ  中 ix ")]
    [InlineData(
        """{"type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": false, "strip_accents": true, "lowercase": false}""",
        "  AE ﬁ\t中Ix\0 ")]
    public void Normalizers_change_texts_as_Hugging_Face_s(string json, string expected)
    {
        WithPart("normalizer", json).EncodeToTokens("  ÀÉ ﬁ\t中İx\0 ", out string? text);

        Assert.Equal(expected, text);
    }

    [Theory]
    // Added tokens: w inside words only where it may be, the longer one of two, with spaces around where they strip.
    [InlineData("a<x>b", "0 10 1")]
    [InlineData("a<x><xy>b", "0 10 11 1")]
    [InlineData("ww w", "9 9 9 12")]
    [InlineData("a  L  b", "0 13 9 9 1")]
    [InlineData("a  R  b", "0 9 9 14 1")]
    [InlineData("A<x>", "0 10")]
    [InlineData("N n", "15 9 15")]
    public void Added_tokens_are_found_as_Hugging_Face_finds_them(string text, string expected)
    {
        GenerativeTokenizer tokenizer = Load("""
            {"version": "1.0", "normalizer": {"type": "Lowercase"},
             "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": false},
             "added_tokens": [
              {"id": 10, "content": "<x>", "special": true, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false},
              {"id": 11, "content": "<xy>", "special": false, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false},
              {"id": 12, "content": "w", "special": false, "normalized": false, "single_word": true, "lstrip": false, "rstrip": false},
              {"id": 13, "content": "L", "special": false, "normalized": false, "single_word": false, "lstrip": true, "rstrip": false},
              {"id": 14, "content": "R", "special": false, "normalized": false, "single_word": false, "lstrip": false, "rstrip": true},
              {"id": 15, "content": "N", "special": false, "normalized": true, "single_word": false, "lstrip": false, "rstrip": false}],
             "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "?": 9}, "unk_token": "?"}}
            """);

        Assert.Equal(expected, string.Join(' ', tokenizer.EncodeToIds(text)));
    }

    [Theory]
    [InlineData(
        """
        {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
        """,
        "1 0")]
    [InlineData("""{"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}""", "1 0 2")]
    [InlineData(
        """{"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": true, "add_prefix_space": false}""",
        "1 0 2")]
    [InlineData(
        """
        {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
            {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}]}
        """,
        "1 0 2")]
    public void Post_processors_put_tokens_round_a_text_but_not_round_a_part_of_one(string json, string expected)
    {
        GenerativeTokenizer tokenizer = Load($$$"""
            {"version": "1.0", "post_processor": {{{json}}}, "model": {"type": "WordLevel", "vocab": {"a": 0, "<s>": 1, "</s>": 2},
             "unk_token": "?"}}
            """);

        Assert.Equal(expected, string.Join(' ', tokenizer.EncodeToIds("a")));
        Assert.Equal([0], tokenizer.EncodeFragment("a"));
    }

    [Theory]
    [InlineData("null", "▁a b ##c <0x41>")]
    [InlineData("""{"type": "Fuse"}""", "▁ab##c<0x41>")]
    [InlineData("""{"type": "ByteFallback"}""", "▁ab##cA")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}""", "ab##c<0x41>")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true}""", " ab##c<0x41>")]
    [InlineData("""{"type": "WordPiece", "prefix": "##", "cleanup": false}""", "▁a bc <0x41>")]
    [InlineData("""{"type": "Replace", "pattern": {"String": "b"}, "content": "xx"}""", "▁axx##c<0x41>")]
    [InlineData("""{"type": "Strip", "content": "#", "start": 1, "stop": 0}""", "▁ab#c<0x41>")]
    [InlineData(
        """
        {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        """,
        "ab##cA")]
    public void Decoders_put_tokens_together_as_Hugging_Face_s(string json, string expected)
    {
        GenerativeTokenizer tokenizer = Load($$$"""
            {"version": "1.0", "decoder": {{{json}}},
             "model": {"type": "WordLevel", "vocab": {"▁a": 0, "b": 1, "##c": 2, "<0x41>": 3, "##": 4}, "unk_token": "?"}}
            """);

        Assert.Equal(expected, tokenizer.Decode([0, 1, 2, 3]));
        IncrementalDecoderTests.Check(tokenizer, [0, 1, 2, 3]);
    }

    [Theory]
    [InlineData("""{"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}""", "dropout")]
    [InlineData("""{"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}""", "lacks 'b'")]
    [InlineData("""{"type": "BPE", "vocab": {"a": 0}, "merges": ["ab"]}""", "merges[0]")]
    [InlineData("""{"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "<unk>"}""", "<unk>")]
    [InlineData("""{"type": "BPE", "vocab": {"a": 0, "aa": 1}, "merges": ["a a"], "merge_ranks": [0, 1]}""", "2 ranks for 1 merges")]
    [InlineData("""{"type": "Unigram", "vocab": [["a", 0.5, 1]], "unk_id": 0}""", "no pair")]
    [InlineData("""{"type": "Unigram", "vocab": [["a", 0.5]], "unk_id": 1}""", "unknown token's id is 1")]
    [InlineData("""{"type": "Unigram", "vocab": [["a", 1e999]], "unk_id": 0}""", "finite")]
    [InlineData("""{"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]", "max_input_chars_per_word": 100}""", "[UNK]")]
    public void What_is_wrong_in_a_model_is_named(string model, string named) =>
        Assert.Contains(
            named, Assert.Throws<InvalidDataException>(() => Load($$$"""{"version": "1.0", "model": {{{model}}}}""")).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(@"\p{Han}", "'Han'")]
    [InlineData(@"[a-z&&[^b]]", "inside a class")]
    [InlineData(@"[a&&b]", "&&")]
    [InlineData(@"a\b", @"\b")]
    [InlineData(@"(?<name>a)", "(?<n")]
    [InlineData(@"a{1,2}+", "braces")]
    [InlineData(@"a**", "two quantifiers")]
    [InlineData(@"(a", "'('")]
    [InlineData(@"a)", "')'")]
    [InlineData(@"[a", "'['")]
    [InlineData(@"\1", @"\1")]
    [InlineData(@"\x{1F600}", "1F600")]
    [InlineData("🤗", "Basic Multilingual Plane")]
    public void What_a_pattern_has_that_is_not_supported_is_named(string pattern, string named) =>
        Assert.Contains(
            named, Assert.Throws<InvalidDataException>(() => WithPart("pre_tokenizer", Split(pattern, "Isolated"))).Message,
            StringComparison.Ordinal);

    [DataFileFact("gpt2-bpe/encoder.json", "gpt2-bpe/vocab.bpe")]
    public void GPT2_as_a_tokenizer_json_gives_the_same_ids_as_its_two_files()
    {
        // As in Hugging Face's repository gpt2.
        string[] merges = [.. File.ReadLines(DataFile.Find("gpt2-bpe/vocab.bpe")!).Skip(1).Where(line => line.Length > 0)];
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = JsonNode.Parse(
                """
                [{"id": 50256, "special": true, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false,
                  "normalized": true}]
                """),
            ["normalizer"] = null,
            ["pre_tokenizer"] = JsonNode.Parse("""{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}"""),
            ["post_processor"] = JsonNode.Parse("""{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false}"""),
            ["decoder"] = JsonNode.Parse("""{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}"""),
            ["model"] = new JsonObject
            {
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = "",
                ["end_of_word_suffix"] = "",
                ["fuse_unk"] = false,
                ["vocab"] = JsonNode.Parse(File.ReadAllText(DataFile.Find("gpt2-bpe/encoder.json")!)),
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]),
            },
        };
        GenerativeTokenizer fromJson = Load(json.ToJsonString());
        GenerativeTokenizer fromFiles = GenerativeTokenizers.FromGpt2Files(
            DataFile.Find("gpt2-bpe/encoder.json")!, DataFile.Find("gpt2-bpe/vocab.bpe")!);

        UnicodeText.Any.Sample(text => Assert.Equal(fromFiles.EncodeToIds(text), fromJson.EncodeToIds(text)));
    }

    // As Hugging Face's tokenizers: a file without such a token may have an empty one.
    [Theory]
    [InlineData("""{"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [], "unk_token": ""}""")]
    [InlineData("""{"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": ""}""")]
    [InlineData(
        """
        {"type": "WordPiece", "vocab": {"a": 0, "b": 1}, "unk_token": "", "continuing_subword_prefix": "##",
         "max_input_chars_per_word": 100}
        """)]
    public void An_empty_unknown_token_is_none(string model)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), $$"""{"version": "1.0", "model": {{model}}}""");
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"unk_token": "", "bos_token": "", "eos_token": {"content": ""}}""");
        GenerativeTokenizer tokenizer = GenerativeTokenizers.FromFolder(folder.Path);
        Assert.Equal([1], tokenizer.EncodeToIds("b"));
        Assert.Equal(new SpecialTokenIds(), tokenizer.SpecialTokens);
        Assert.Contains("'?'", Assert.Throws<ArgumentException>(() => tokenizer.EncodeToIds("?")).Message);
    }

    [Fact]
    public void Very_long_tokens_of_a_unigram_model_cost_no_time()
    {
        var pieces = new JsonArray(
            new JsonArray("<unk>", 0.0), new JsonArray("b", -1.0), new JsonArray("a", -2.0), new JsonArray("aa", -3.0));
        pieces.Add(new JsonArray(new string('a', 20_000) + "b", -5.0));
        var json =
            new JsonObject { ["version"] = "1.0", ["model"] = new JsonObject { ["type"] = "Unigram", ["unk_id"] = 0, ["vocab"] = pieces } };
        GenerativeTokenizer tokenizer = TokenizerFiles.Create(
            System.Text.Encoding.UTF8.GetBytes(json.ToJsonString()), TokenizerConfig.Empty);
        var time = new ProcessorTime();
        Assert.Equal(Enumerable.Repeat(3, 10_000), tokenizer.EncodeToIds(new string('a', 20_000)));
        Assert.Equal([4], tokenizer.EncodeToIds(new string('a', 20_000) + "b"));
        // Of two equally probable ways to cut, that with the longer token at the end.
        Assert.Equal([2, .. Enumerable.Repeat(3, 9_999), 0], tokenizer.EncodeToIds(new string('a', 19_999) + "c"));
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(2), $"{time.Elapsed}");
    }
}
