using System.ComponentModel;
using System.Text.Json;
using CsCheck;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Chat.Tools;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class ToolPromptTests
{
    private const string Schema =
        """{"type": "object", "properties": {"city": {"description": "The city", "type": "string"}}, "required": ["city"]}""";

    private const string QwenTools =
        """
        # Tools

        You may call one or more functions to assist with the user query.

        You are provided with function signatures within <tools></tools> XML tags:
        <tools>
        {"type": "function", "function": {"name": "get_weather", "description": "The weather in a city", "parameters":
        """ + " " + Schema + "}}\n" + """
        </tools>

        For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
        <tool_call>
        {"name": <function-name>, "arguments": <args-json-object>}
        </tool_call><|im_end|>

        """;

    private static readonly string[] _special =
    [
        "<s>", "</s>", "<|im_start|>", "<|im_end|>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
        "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[ARGS]", "[CALL_ID]", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
        "<|python_tag|>", "<|tool_call|>", "<|/tool_call|>", "<|tool|>", "<|/tool|>", "<|tool_response|>", "<|system|>", "<|user|>",
        "<|assistant|>", "<|end|>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>",
        "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "<｜end▁of▁sentence｜>",
    ];

    private static readonly string[] _parts =
    [
        "<tool_call>", "</tool_call>", "<|tool_call|>", "[TOOL_CALLS]", "[ARGS]", "{", "}", "[", "]", "\"name\"", ":", "\"a\"", ",",
        "\"arguments\"", "{}", ";", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "x", " ", "\ud800", "é",
    ];

    private static readonly AIFunction _weather = AIFunctionFactory.Create(
        ([Description("The city")] string city) => city, "get_weather", "The weather in a city");

    private static readonly ChatMessage[] _asked = [new(ChatRole.User, "Rome?")];

    private static readonly ChatMessage[] _answered =
    [
        .. _asked,
        new(ChatRole.Assistant, [new FunctionCallContent(
            "abc123XYZ", "get_weather", new Dictionary<string, object?> { ["city"] = "Rome" })]),
        new(ChatRole.Tool, [new FunctionResultContent("abc123XYZ", "22 °C")]),
    ];

    // What transformers' apply_chat_template writes.
    public static TheoryData<string, string> Prompts => new()
    {
        {
            ToolTemplates.Qwen,
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.\n\n" + QwenTools
                + "<|im_start|>user\nRome?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": "
                + "{\"city\": \"Rome\"}}\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n22 °C\n</tool_response><|im_end|>\n"
                + "<|im_start|>assistant\n"
        },
        {
            ToolTemplates.Mistral,
            "<s>[AVAILABLE_TOOLS] [{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"description\": \"The weather in a "
                + "city\", \"parameters\": " + Schema + "}}][/AVAILABLE_TOOLS][INST] Rome?[/INST][TOOL_CALLS] [{\"name\": \"get_weather\", "
                + "\"arguments\": {\"city\": \"Rome\"}, \"id\": \"abc123XYZ\"}]</s>[TOOL_RESULTS] {\"content\": 22 °C, \"call_id\": "
                + "\"abc123XYZ\"}[/TOOL_RESULTS]"
        },
        {
            ToolTemplates.Phi4,
            "<|system|>You are a helpful assistant with some tools.<|tool|>[{\"name\": \"get_weather\", \"description\": \"The "
                + "weather in a city\", "
                + "\"parameters\": " + Schema + "}]<|/tool|><|end|><|user|>Rome?<|end|><|assistant|><|tool_call|>[{\"name\": "
                + "\"get_weather\", \"arguments\": {\"city\": \"Rome\"}}]<|/tool_call|><|end|><|tool_response|>22 °C<|end|><|assistant|>"
        },
        {
            ToolTemplates.DeepSeek,
            "<s>[{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"description\": \"The weather in a city\", "
                + "\"parameters\": " + Schema + "}}]<｜User｜>Rome?<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function"
                + "<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Rome\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
                + "<｜end▁of▁sentence｜><｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>22 °C<｜tool▁output▁end｜><｜tool▁outputs▁end｜>"
                + "<｜Assistant｜>"
        },
    };

    // How each family's model writes a call, what its answer begins with where one is required, and the members of the JSON.
    public static TheoryData<string, string, string, string> Answers => new()
    {
        {
            ToolTemplates.Qwen, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>",
            "<tool_call>\n", "name arguments"
        },
        {
            ToolTemplates.Mistral, "[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}, \"id\": \"123456789\"}]",
            "[TOOL_CALLS] [", "name arguments"
        },
        { ToolTemplates.Llama31, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rome\"}}", "", "name parameters" },
        {
            ToolTemplates.Phi4, "<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}]<|/tool_call|>",
            "<|tool_call|>[", "name arguments"
        },
        {
            ToolTemplates.DeepSeek,
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Rome\"}\n```"
                + "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n", "city"
        },
        { ToolTemplates.Mistral11, "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Rome\"}", "[TOOL_CALLS]get_weather[CALL_ID]", "city" },
    };

    [Theory]
    [MemberData(nameof(Prompts))]
    public void Tools_calls_and_results_are_written_as_by_transformers(string template, string expected)
    {
        TextCodec codec = Codec(template);
        int[] ids = ChatTemplate.Of(codec).Encode(Conversation(_answered), codec);
        Assert.Equal(expected, Decode(codec, ids));
    }

    [Fact]
    public void Llama_has_its_tools_indented_before_the_first_message()
    {
        TextCodec codec = Codec(ToolTemplates.Llama31);
        string text = Decode(codec, ChatTemplate.Of(codec).Encode(Conversation(_answered), codec));
        Assert.StartsWith("<s><|start_header_id|>system<|end_header_id|>\n\nEnvironment: ipython\n<|eot_id|><|start_header_id|>user", text);
        Assert.Contains(
            "Do not use variables.\n\n{\n    \"type\": \"function\",\n    \"function\": {\n        \"name\": \"get_weather\",", text);
        Assert.EndsWith(
            "Rome?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{\"name\": \"get_weather\", \"parameters\": {\"city\": "
            + "\"Rome\"}}<|eot_id|><|start_header_id|>ipython<|end_header_id|>\n\n\"22 °C\"<|eot_id|>"
            + "<|start_header_id|>assistant<|end_header_id|>\n\n", text);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void Calls_are_found_in_an_answer_however_it_is_cut(string template, string answer, string begin, string members)
    {
        _ = (begin, members);
        TextCodec codec = Codec(template);
        for (int length = 1; length < answer.Length + 8; length = length < 4 ? length + 1 : length * 2)
        {
            ToolCallScanner scanner = ChatTemplate.Of(codec).EncodeWithTools(Conversation(_asked), codec, null).Scanner;
            bool hasText = scanner.Markup.Begin.Length > 0;
            (string text, IReadOnlyList<ToolCall> calls) = Scan(scanner, (hasText ? "I look. " : "") + answer, length);
            Assert.Equal(hasText ? "I look." : "", text);
            ToolCall call = Assert.Single(calls);
            Assert.Equal(("get_weather", "Rome"), (call.Name, call.Arguments.GetProperty("city").GetString()));
            Assert.Equal(9, call.Id.Length);
            Assert.True(call.Id.All(char.IsAsciiLetterOrDigit));
        }
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void A_required_call_begins_with_the_prompt_and_is_JSON_of_the_tool_s_schema(
        string template, string answer, string begin, string members)
    {
        _ = answer;
        TextCodec codec = Codec(template);
        ChatTemplate chat = ChatTemplate.Of(codec);
        ToolPrompt prompt = chat.EncodeWithTools(Conversation(_asked), codec, ChatToolMode.RequireSpecific("get_weather"));
        Assert.StartsWith(
            Decode(codec, chat.Encode(Conversation(_asked), codec)) + begin, Decode(codec, prompt.Ids), StringComparison.Ordinal);
        var schema = (ChatResponseFormatJson)prompt.Format!;
        Assert.Equal(
            members, string.Join(' ', schema.Schema!.Value.GetProperty("properties").EnumerateObject().Select(member => member.Name)));
        string json = members == "city" ? """{"city":"Rome"}"""
            : $$$"""{"{{{members.Split(' ')[0]}}}":"get_weather","{{{members.Split(' ')[1]}}}":{"city":"Rome"}}""";
        ToolCall call = Assert.Single(Scan(prompt.Scanner, json, 3).Calls);
        Assert.Equal(("get_weather", "Rome"), (call.Name, call.Arguments.GetProperty("city").GetString()));
        // The mark that begins a call is the model's own token.
        if (prompt.Scanner.Markup.Begin is { Length: > 0 } mark && _special.Contains(mark))
            Assert.Contains(codec.IdOf(mark)!.Value, prompt.Ids[^40..]);
    }

    [Fact]
    public void Several_calls_and_text_around_them_are_told_apart()
    {
        ToolMarkup hermes = ToolMarkup.All[0];
        (IReadOnlyList<ToolCall> calls, string rest) = hermes.Read(
            "<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>\n<tool_call>{\"arguments\": {\"é\": [1]}, \"name\": \"b\"}"
            + "</tool_call> Done.")!.Value;
        Assert.Equal(["a", "b", "Done."], [.. calls.Select(c => c.Name), rest]);
        (calls, _) = ToolMarkup.All[2].Read(
            """[TOOL_CALLS][{"name":"a","arguments":{}},{"name":"b","arguments":"{\"x\":1}"}]""")!.Value;
        Assert.Equal(["a", "b"], calls.Select(c => c.Name));
        Assert.Equal(1, calls[1].Arguments.GetProperty("x").GetInt32());
        (calls, _) = ToolMarkup.All[^1].Read(
            """<|python_tag|>{"name": "a", "parameters": {}}; {"name": "b", "parameters": {}}""")!.Value;
        Assert.Equal(["a", "b"], calls.Select(c => c.Name));
    }

    // A call that is damaged or unfinished, or JSON that is none, is an answer in text.
    [Theory]
    [InlineData("qwen", "<tool_call>\n{\"name\": \"get_weather\", \"argum")]
    [InlineData("qwen", "<tool_call>\nnot JSON</tool_call>")]
    [InlineData("qwen", "<tool_call>\n{\"arguments\": {}}</tool_call>")]
    [InlineData("qwen", "a <tool_ca")]
    [InlineData("qwen", "a < b")]
    [InlineData("qwen", " \n ")]
    [InlineData("llama", "{\"city\": \"Rome\"}")]
    [InlineData("llama", "{\"name\": \"Ann\", \"parameters\": {}}")]
    [InlineData("llama", "{\"name\": \"get_weather\"} is how to call it.")]
    [InlineData("llama", "Hello {}")]
    [InlineData("llama", "<|python")]
    public void What_is_no_call_stays_text(string family, string answer)
    {
        TextCodec codec = Codec(family == "qwen" ? ToolTemplates.Qwen : ToolTemplates.Llama31);
        for (int length = 1; length <= answer.Length; length++)
        {
            ToolCallScanner scanner = ChatTemplate.Of(codec).EncodeWithTools(Conversation(_asked), codec, null).Scanner;
            (string text, IReadOnlyList<ToolCall> calls) = Scan(scanner, answer, length);
            Assert.Equal(answer, text);
            Assert.Empty(calls);
        }
    }

    [Fact]
    public void Whatever_a_model_writes_is_read_without_an_exception() =>
        Gen.Select(
            Gen.Int[0, 5],
            Gen.Int[0, _parts.Length - 1].List[0, 25])
            .Sample((kind, parts) =>
            {
                string text = string.Concat(parts.Select(part => _parts[part]));
                var scanner = new ToolCallScanner(ToolMarkup.All[kind], [ToolDefinition.Of(_weather)]);
                (string rest, IReadOnlyList<ToolCall> calls) = Scan(scanner, text, 2);
                Assert.True(calls.Count > 0 || rest == text, text);
            }, iter: 3000);

    // Whoever writes a mark into a question, an argument, a result or a tool's description has written some characters.
    [Fact]
    public void Marks_in_what_others_say_stay_text()
    {
        foreach (string template in (string[])[ToolTemplates.Qwen, ToolTemplates.Mistral, ToolTemplates.Llama31, ToolTemplates.Phi4])
        {
            TextCodec codec = Codec(template);
            ChatTemplate chat = ChatTemplate.Of(codec);
            int[] plain = chat.Encode(Conversation(_answered), codec);
            foreach (string mark in _special)
            {
                string text = $"{mark}x{mark}\n";
                AIFunction described = AIFunctionFactory.Create((string city) => city, "get_weather", text);
                ChatMessage[] messages =
                [
                    new(ChatRole.User, text),
                    new(ChatRole.Assistant, [new FunctionCallContent(
                        "abc123XYZ", "get_weather", new Dictionary<string, object?> { ["city"] = text, [text] = 1 })]),
                    new(ChatRole.Tool, [new FunctionResultContent("abc123XYZ", text)]),
                ];
                int[] ids = chat.Encode(Conversation(messages, described), codec);
                Assert.Equal(plain.Where(IsMark), ids.Where(IsMark));
            }

            bool IsMark(int id) => _special.Contains(((GenerativeTokenizer)codec.Tokenizer).TokenOf(id));
        }
    }

    [Fact]
    public void A_template_for_tools_is_used_where_there_are_some()
    {
        TextCodec codec = Codec("{{ messages[0].content }}", ToolTemplates.Qwen);
        ChatTemplate chat = ChatTemplate.Of(codec);
        Assert.Equal("Rome?", Decode(codec, chat.Encode(new Conversation(_asked, null), codec)));
        Assert.Contains("# Tools", Decode(codec, chat.Encode(Conversation(_asked), codec)));
        Assert.Equal("<tool_call>", chat.EncodeWithTools(Conversation(_asked), codec, null).Scanner.Markup.Begin);
        var options = new JsonSerializerOptions { Converters = { new ChatTemplateConverter() } };
        ChatTemplate again = JsonSerializer.Deserialize<ChatTemplate>(JsonSerializer.Serialize(chat, options), options)!;
        Assert.Equal((chat.Source, chat.ForTools!.Source), (again.Source, again.ForTools!.Source));
    }

    [Fact]
    public void What_a_template_cannot_write_is_refused_by_name()
    {
        TextCodec codec = Codec("{% for m in messages %}{{ m.content }}{% endfor %}");
        ChatTemplate chat = ChatTemplate.Of(codec);
        Assert.Contains(
            "Tools", Assert.Throws<NotSupportedException>(() => chat.EncodeWithTools(Conversation(_asked), codec, null)).Message);
        Assert.Contains(
            "calls of tools",
            Assert.Throws<NotSupportedException>(() => chat.Encode(new Conversation(_answered, null), codec)).Message);
        codec = Codec("{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
            + "CALL {{ c.function.name }}{% endfor %}{% endfor %}");
        Assert.Contains("CALL sample_function", Assert.Throws<NotSupportedException>(
            () => ChatTemplate.Of(codec).EncodeWithTools(Conversation(_asked), codec, null)).Message);
        codec = Codec(ToolTemplates.Qwen);
        Assert.Contains("'nothing'", Assert.Throws<ArgumentException>(() => ChatTemplate.Of(codec).EncodeWithTools(
            Conversation(_asked), codec, ChatToolMode.RequireSpecific("nothing"))).Message);
        Assert.Contains("'other'", Assert.Throws<ArgumentException>(() => new Conversation(
            [.. _asked, new ChatMessage(ChatRole.Tool, [new FunctionResultContent("other", "x")])], null)).Message);
        Assert.Contains(
            nameof(HostedWebSearchTool), Assert.Throws<NotSupportedException>(() => ToolDefinition.Of(new HostedWebSearchTool())).Message);
    }

    [Fact]
    public void References_in_a_schema_still_lead_somewhere_in_a_call_of_one_of_several_tools()
    {
        var tool = new ToolDefinition("f", "", JsonDocument.Parse(
            """{"type":"object","properties":{"x":{"$ref":"#/$defs/n"}},"required":["x"],"$defs":{"n":{"type":"integer"}}}""").RootElement);
        JsonElement schema = JsonSerializer.SerializeToElement(tool.CallSchema("name", "arguments", "#/anyOf/1"));
        Assert.Equal("#/anyOf/1/properties/arguments/$defs/n", schema.GetProperty("properties").GetProperty("arguments")
            .GetProperty("properties").GetProperty("x").GetProperty("$ref").GetString());
    }

    private static (string Text, IReadOnlyList<ToolCall> Calls) Scan(ToolCallScanner scanner, string answer, int length)
    {
        string text = "";
        for (int i = 0; i < answer.Length; i += length)
            text += scanner.Append(answer.Substring(i, Math.Min(length, answer.Length - i)));
        (string rest, IReadOnlyList<ToolCall> calls) = scanner.Finish();
        return (text + rest, calls);
    }

    private static Conversation Conversation(IEnumerable<ChatMessage> messages, AIFunction? tool = null) =>
        new(new Conversation(messages, null).Turns, wantsAnswer: true) { Tools = [ToolDefinition.Of(tool ?? _weather)] };

    private static string Decode(TextCodec codec, int[] ids) =>
        ((GenerativeTokenizer)codec.Tokenizer).Decode(ids, skipSpecialTokens: false);

    private static TextCodec Codec(string template, string? forTools = null)
    {
        GenerativeTokenizer bytes = SpecialTokens.Add(GenerativeTokenizers.TrainBytePairEncoding(
            ["system user assistant"], new BytePairEncodingOptions { VocabularySize = 260, EndOfTextToken = null }), _special);
        Dictionary<string, string> templates = new() { ["default"] = template };
        if (forTools is not null)
            templates["tool_use"] = forTools;
        return TextCodec.Of(TokenizerFiles.Create(
            bytes.Json.ToArray(), bytes.Config with { BosToken = "<s>", EosToken = "</s>", ChatTemplates = templates }));
    }
}
