using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class ChatTemplateTests
{
    private static readonly ChatMessage[] _messages =
    [
        new(ChatRole.System, "Be brief."), new(ChatRole.User, "Hi!"), new(ChatRole.Assistant, "Hello."), new(ChatRole.User, "Who are you?"),
    ];

    // As the models' publishers document them.
    public static TheoryData<string, string> Published => new()
    {
        {
            "ChatML",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
            + "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"
        },
        { "Llama2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi! [/INST] Hello. </s><s>[INST] Who are you? [/INST]" },
        {
            "Llama3",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        },
        { "Mistral", "<s>[INST] Be brief.\n\nHi! [/INST] Hello.</s>[INST] Who are you? [/INST]" },
        {
            "Zephyr",
            "<|system|>\nBe brief.</s>\n<|user|>\nHi!</s>\n<|assistant|>\nHello.</s>\n"
            + "<|user|>\nWho are you?</s>\n<|assistant|>\n"
        },
        { "Plain", "System: Be brief.\nUser: Hi!\nAssistant: Hello.\nUser: Who are you?\nAssistant:" },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void A_conversation_is_written_as_the_model_knows_it(string name, string expected) =>
        Assert.Equal(expected, Template(name).Render(new Conversation(_messages, null)));

    [Fact]
    public void Instructions_of_the_call_come_before_those_of_the_messages() =>
        Assert.Equal(
            "System: First.\n\nBe brief.\nUser: Hi!\nAssistant:", ChatTemplate.Plain.Render(new Conversation(_messages[..2], "First.")));

    [Fact]
    public void A_token_that_the_tokenizer_lacks_is_named()
    {
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.CharacterLevel(["abc"]));
        var error = Assert.Throws<ArgumentException>(() =>
            ChatTemplate.ChatML.Encode(new Conversation([new(ChatRole.User, "abc")], null), codec));
        Assert.Contains("<|im_start|>", error.Message);
        Assert.Contains("ChatML", error.Message);
    }

    [Theory]
    [InlineData("Llama2")]
    [InlineData("Mistral")]
    public void Turns_that_a_template_cannot_say_are_refused(string name)
    {
        var error = Assert.Throws<ArgumentException>(() =>
            Template(name).Render(new Conversation([new(ChatRole.User, "a"), new(ChatRole.User, "b")], null)));
        Assert.Contains($"The chat template {name} refuses the conversation: user and assistant have to take turns", error.Message);
    }

    [Fact]
    public void A_template_that_is_not_valid_is_refused_with_its_line()
    {
        Assert.Contains("line 2: the filter 'nope' is not supported", Assert.Throws<ArgumentException>(() =>
            ChatTemplate.FromJinja("a\n{{ 'b'|nope }}")).Message);
        ChatTemplate template = ChatTemplate.FromJinja("{{ raise_exception('System role not supported') }}");
        Assert.Equal(
            "The chat template Jinja refuses the conversation: System role not supported",
            Assert.Throws<ArgumentException>(() => template.Render(new Conversation(_messages, null))).Message);
        Assert.Contains("fails at the conversation: line 1: 'x' is undefined", Assert.Throws<ArgumentException>(
            () => ChatTemplate.FromJinja("{{ x.y }}").Render(new Conversation(_messages, null))).Message);
    }

    [Fact]
    public void A_model_file_has_a_template_by_its_name_or_by_its_source()
    {
        var options = new JsonSerializerOptions { Converters = { new ChatTemplateConverter() } };
        Assert.Equal("\"ChatML\"", JsonSerializer.Serialize(ChatTemplate.ChatML, options));
        Assert.Same(ChatTemplate.ChatML, JsonSerializer.Deserialize<ChatTemplate>("\"ChatML\"", options));
        ChatTemplate copy = JsonSerializer.Deserialize<ChatTemplate>(
            JsonSerializer.Serialize(ChatTemplate.FromJinja("{{ messages[0].content }}"), options), options)!;
        Assert.Equal("Be brief.", copy.Render(new Conversation(_messages, null)));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<ChatTemplate>("\"Nope\"", options));
        Assert.Contains("'nope'", Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize<ChatTemplate>("""{"jinja": "{{ 1|nope }}"}""", options)).Message);
    }

    private static ChatTemplate Template(string name) => ChatTemplate.Named(name)!;
}
