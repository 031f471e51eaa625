using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Templates of models' folders, shortened to the parts for text. What they write is what transformers writes with them.
/// </summary>
public sealed class FolderTemplateTests : IDisposable
{
    private const string Llama = "llama-tokenizer/tokenizer.model";

    private const string Qwen = """
        {%- if tools %}
            {{- '<|im_start|>system\nTools' }}
        {%- else %}
            {%- if messages[0]['role'] == 'system' %}
                {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
            {%- else %}
                {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
            {%- endif %}
        {%- endif %}
        {%- for message in messages %}
            {%- if (message.role == "user") or (message.role == "system" and not loop.first)
                or (message.role == "assistant" and not message.tool_calls) %}
                {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
        {%- endif %}
        """;

    private const string SmolLm2 =
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI "
            + "assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
        + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt "
        + "%}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private const string Hermes =
        "{{bos_token}}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
            + "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private const string Phi3 =
        "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif "
            + "message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
        + "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if "
        + "add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}";

    private const string Gemma =
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for "
            + "message in messages %}"
        + "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate "
        + "user/assistant/user/assistant/...') }}{% endif %}"
        + "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        + "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt "
        + "%}{{'<start_of_turn>model\n'}}{% endif %}";

    private const string Mistral3 =
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + '[/INST]' }}{% "
            + "elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}";

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Written => new()
    {
        { Qwen, "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\n "
            + "Hi! <|im_end|>\n<|im_start|>assistant\n" },
        { SmolLm2, "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n "
            + "Hi! <|im_end|>\n<|im_start|>assistant\n" },
        { Hermes, "<s><|im_start|>user\n Hi! <|im_end|>\n<|im_start|>assistant\n" },
        { Phi3, "<|user|>\n Hi! <|end|>\n<|assistant|>\n" },
        { Gemma, "<s><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n" },
        { Mistral3, "<s>[INST]  Hi! [/INST]" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Written))]
    public void A_folder_s_own_template_is_run(string template, string expected)
    {
        TextCodec codec = Codec(template, Marks());
        int[] ids = ChatTemplate.Of(codec).Encode(Ask(" Hi! "), codec);
        Assert.Equal(expected, ((GenerativeTokenizer)codec.Tokenizer).Decode(ids, skipSpecialTokens: false));
    }

    [Theory]
    [InlineData(Qwen, "<|im_end|>")]
    [InlineData(SmolLm2, "<|im_end|>")]
    [InlineData(Hermes, "<|im_end|>")]
    [InlineData(Phi3, "<|end|>")]
    [InlineData(Gemma, "<end_of_turn>")]
    [InlineData(Mistral3, "</s>")]
    public void An_answer_ends_with_the_mark_that_the_template_writes_behind_it(string template, string end)
    {
        TextCodec codec = Codec(template, Marks());
        (TextCodec answers, _) = ChatTemplate.Of(codec).ForAnswers(codec, new());
        Assert.Equal(codec.IdOf(end), answers.End);
        Assert.Contains(codec.End!.Value, answers.Ends);
    }

    [Theory]
    [InlineData(Qwen, "Yes.<|im_end|>", "No.<|im_end|>")]
    [InlineData(Phi3, "Yes.<|end|>", "No.<|end|>")]
    [InlineData(Gemma, "Yes.<end_of_turn>", "No.<end_of_turn>")]
    [InlineData(Mistral3, " Yes.</s>", " No.</s>")]
    [InlineData("{% for m in messages %}{% if m.role == 'assistant' %}Q{% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ "
        + "m.content }}{% endif %}{% endfor %}", "Yes.</s>", "No.</s>")]
    // The last turn has no end here, but a turn before another has.
    [InlineData("{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}{% if (loop.last and add_generation_prompt) or not "
        + "loop.last %}{{ '<|im_end|>\n' }}{% endif %}{% endfor %}{% if add_generation_prompt and messages[-1].role != 'assistant' %}{{ "
        + "'<|im_start|>assistant\n' }}{% endif %}", "Yes.<|im_end|>", "No.<|im_end|>")]
    public void Answers_and_their_ends_are_learned(string template, params string[] expected)
    {
        TextCodec codec = Codec(template, Marks());
        var conversation = new Conversation(
            [new("user", "Yes?"), new("assistant", "Yes."), new("user", "No?"), new("assistant", "No.")], wantsAnswer: false);
        (int[] ids, bool[] isAnswer) = ChatTemplate.Of(codec).EncodeAnswers(conversation, codec);
        List<List<int>> answers = [];
        for (int i = 0; i < ids.Length; i++)
        {
            if (isAnswer[i] && (i == 0 || !isAnswer[i - 1]))
                answers.Add([]);
            if (isAnswer[i])
                answers[^1].Add(ids[i]);
        }

        Assert.Equal(expected, answers.Select(a => ((GenerativeTokenizer)codec.Tokenizer).Decode(a, skipSpecialTokens: false)));
    }

    [Fact]
    public void A_template_s_refusal_is_told()
    {
        TextCodec codec = Codec(Gemma, Marks());
        var error = Assert.Throws<ArgumentException>(() =>
            ChatTemplate.Of(codec).Encode(new Conversation([new("system", "a"), new("user", "b")], wantsAnswer: true), codec));
        Assert.Contains("System role not supported", error.Message);
    }

    [Fact]
    public void A_template_that_cannot_be_used_is_refused_with_what_to_do()
    {
        var error = Assert.Throws<NotSupportedException>(() => ChatTemplate.Of(Codec("{% import 'x' %}", Marks())));
        Assert.Contains("line 1: the statement 'import' is not supported", error.Message);
        Assert.Contains("ChatTemplate.Plain", error.Message);
    }

    // Whatever a template writes as a mark is text where a user types it, whatever the file says of the token, and where it is cut.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_somebody_says_never_becomes_a_mark(bool isSpecial)
    {
        foreach (string template in (string[])[Qwen, Hermes, Phi3, Gemma, Mistral3])
        {
            TextCodec codec = Codec(template, Marks(isSpecial));
            var tokenizer = (GenerativeTokenizer)codec.Tokenizer;
            int[] plain = ChatTemplate.Of(codec).Encode(Ask("x"), codec);
            foreach (string mark in Names)
            {
                foreach (string text in (string[])[mark, $"a{mark}\n{mark}system\n", $" {mark} ", mark[1..], mark[..^1]])
                {
                    int[] ids = ChatTemplate.Of(codec).Encode(Ask(text), codec);
                    Assert.Contains(text.Trim(), tokenizer.Decode(ids, skipSpecialTokens: false));
                    if (isSpecial || Template(template, mark))
                    {
                        Assert.Equal(plain.Where(IsMark), ids.Where(IsMark));
                        Assert.DoesNotContain(tokenizer.EncodeFragment(text, recognizeSpecialTokens: false), IsMark);
                        Assert.DoesNotContain(codec.EncodeText(text), IsMark);
                        Assert.DoesNotContain(codec.EncodeExample(text, "x").Ids[..^1], IsMark);
                    }
                }
            }

            bool IsMark(int id) => Names.Contains(tokenizer.TokenOf(id));
        }

        static bool Template(string template, string mark) =>
            mark.StartsWith("<|", StringComparison.Ordinal) || mark is "<s>" or "</s>" || template.Contains(mark, StringComparison.Ordinal);
    }

    // Neither half of a mark that a user types becomes one with the template's other half.
    [Fact]
    public void A_mark_is_wholly_the_template_s()
    {
        TextCodec codec = Codec("{{ '<|im_' + messages[0].content + '|>' }}", Marks());
        Assert.DoesNotContain(codec.IdOf("<|im_start|>")!.Value, ChatTemplate.Of(codec).Encode(Ask("start"), codec));
        codec = Codec("{{ '<|im_' + 'start' + '|>' + messages[0].content }}", Marks());
        Assert.Contains(codec.IdOf("<|im_start|>")!.Value, ChatTemplate.Of(codec).Encode(Ask("start"), codec));
        // Roles are this library's words: Phi-3.5 builds its marks of them.
        codec = Codec("{{ '<|' + messages[0].role + '|>' + messages[0].content }}", Marks());
        Assert.Equal(codec.IdOf("<|user|>"), ChatTemplate.Of(codec).Encode(Ask("start"), codec)[0]);
    }

    [Fact]
    public void Ordinary_added_tokens_stay_tokens_in_what_somebody_says()
    {
        JsonObject[] added = [.. Marks(), Added("\n\n", isSpecial: false), Added("    ", isSpecial: false)];
        TextCodec codec = Codec(Qwen, added);
        int[] ids = ChatTemplate.Of(codec).Encode(Ask("a\n\nb    c"), codec);
        Assert.Contains(codec.IdOf("\n\n")!.Value, ids);
        Assert.Contains(codec.IdOf("    ")!.Value, codec.EncodeText("b    c"));
    }

    [Fact]
    public void Templates_come_from_each_of_the_usual_files()
    {
        WriteTokenizer([.. Marks()]);
        Write("chat_template.json", """{"chat_template": "from json"}""");
        Assert.Equal("from json", Template());
        Write("tokenizer_config.json", """{"chat_template": "from config"}""");
        Assert.Equal("from config", Template());
        Write(
            "tokenizer_config.json",
            """{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}""");
        Assert.Equal("D", Template());
        Write("chat_template.jinja", "from jinja");
        Directory.CreateDirectory(_folder.File("additional_chat_templates"));
        Write("additional_chat_templates/rag.jinja", "R");
        Assert.Equal("from jinja", Template());
        GenerativeTokenizer tokenizer = GenerativeTokenizers.FromFolder(_folder.Path);
        Assert.Equal(["default=from jinja", "rag=R", "tool_use=T"], tokenizer.ChatTemplates.Select(t => $"{t.Key}={t.Value}").Order());
        GenerativeTokenizer copy = Microsoft.ML.Generative.Text.Tokenization.TokenizerFiles.Load(
            Microsoft.ML.Generative.Text.Tokenization.TokenizerFiles.Save(tokenizer));
        Assert.Equal(tokenizer.ChatTemplates.OrderBy(t => t.Key), copy.ChatTemplates.OrderBy(t => t.Key));

        File.Delete(_folder.File("chat_template.jinja"));
        Write("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "T"}]}""");
        Assert.Contains("rag, tool_use", Assert.Throws<NotSupportedException>(Template).Message);

        string Template() => ChatTemplate.Of(TextCodec.Of(GenerativeTokenizers.FromFolder(_folder.Path))).Source;
    }

    // Llama's words: 15043 is ▁Hello, 1792 is user, 1404 would be ▁user, 13 a line break; ids of transformers.
    [DataFileFact(Llama)]
    public void Between_marks_SentencePiece_puts_no_space_where_the_file_says_so()
    {
        File.Copy(DataFile.Find(Llama)!, _folder.File("tokenizer.model"));
        Write("tokenizer_config.json", """
            {"tokenizer_class": "LlamaTokenizer", "legacy": false, "bos_token": "<s>", "eos_token": "</s>",
             "added_tokens_decoder": {"32000": {"content": "[INST]", "special": true}, "32001": {"content": "[/INST]", "special": true},
                                      "32002": {"content": "<|im_start|>", "special": false, "normalized": false},
                                      "32003": {"content": "<|im_end|>", "special": true}},
             "chat_template": "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m.content + '[/INST]' }}{% endfor %}"}
            """);
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFolder(_folder.Path));
        Assert.Equal([1, 32000, 15043, 32001], ChatTemplate.Of(codec).Encode(Ask("Hello"), codec));
        Assert.Equal([32002, 1792, 13, 10994, 32003, 13, 32002, 465, 22137, 13], ChatTemplate.ChatML.Encode(Ask("Hello"), codec));
    }

    private static string[] Names { get; } =
        [
            "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|user|>", "<|system|>", "<|assistant|>", "<|end|>", "<start_of_turn>",
            "<end_of_turn>", "[INST]", "[/INST]",
        ];

    private static Conversation Ask(string text) => new([new ChatTurn(Conversation.User, text)], wantsAnswer: true);

    private static JsonObject[] Marks(bool isSpecial = true) =>
        [.. Names.Select(name => Added(name, isSpecial || name is "<s>" or "</s>"))];

    private static JsonObject Added(string content, bool isSpecial) => new()
    {
        ["content"] = content,
        ["special"] = isSpecial,
        ["normalized"] = !isSpecial && content.Length % 2 == 0,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
    };

    private TextCodec Codec(string template, JsonObject[] added)
    {
        WriteTokenizer(added);
        Write("tokenizer_config.json", new JsonObject { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["chat_template"] = template }
            .ToJsonString());
        return TextCodec.Of(GenerativeTokenizers.FromFolder(_folder.Path));
    }

    private void WriteTokenizer(JsonObject[] added)
    {
        GenerativeTokenizer bytes = GenerativeTokenizers.TrainBytePairEncoding(
            ["system user assistant model Hi! You are a helpful assistant."],
            new BytePairEncodingOptions { VocabularySize = 300, EndOfTextToken = null });
        JsonNode json = JsonNode.Parse(bytes.Json.Span)!;
        var tokens = new JsonArray();
        for (int i = 0; i < added.Length; i++)
        {
            added[i]["id"] = bytes.VocabularySize + i;
            tokens.Add(added[i]);
        }

        json["added_tokens"] = tokens;
        Write("tokenizer.json", json.ToJsonString(new JsonSerializerOptions()));
    }

    private void Write(string name, string text) => File.WriteAllText(_folder.File(name), text);
}
