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
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"
        },
        { "Llama2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi! [/INST] Hello. </s><s>[INST] Who are you? [/INST]" },
        {
            "Llama3",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        },
        { "Mistral", "<s>[INST] Be brief.\n\nHi! [/INST] Hello.</s>[INST] Who are you? [/INST]" },
        { "Zephyr", "<|system|>\nBe brief.</s>\n<|user|>\nHi!</s>\n<|assistant|>\nHello.</s>\n<|user|>\nWho are you?</s>\n<|assistant|>\n" },
        { "Plain", "System: Be brief.\nUser: Hi!\nAssistant: Hello.\nUser: Who are you?\nAssistant:" },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void A_conversation_is_written_as_the_model_knows_it(string name, string expected) =>
        Assert.Equal(expected, Template(name).Render(new Conversation(_messages, null)));

    [Fact]
    public void Instructions_of_the_call_come_before_those_of_the_messages() =>
        Assert.Equal("System: First.\n\nBe brief.\nUser: Hi!\nAssistant:", ChatTemplate.Plain.Render(new Conversation(_messages[..2], "First.")));

    [Theory]
    [InlineData("{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>'}}{% endfor %}", "ChatML")]
    [InlineData("{{ '<|start_header_id|>' + role + '<|end_header_id|>' + content + '<|eot_id|>' }}", "Llama3")]
    [InlineData("{{ '[INST] <<SYS>>' + system + '<</SYS>>' }}", "Llama2")]
    [InlineData("{{ bos_token }}{{ '[INST] ' + content + ' [/INST]' }}", "Mistral")]
    [InlineData("{{ '<|user|>' + content + eos_token }}{{ '<|assistant|>' }}", "Zephyr")]
    public void A_model_s_own_template_is_recognized_by_its_markup(string jinja, string name) => Assert.Equal(name, ChatTemplate.Recognize(jinja).Name);

    [Fact]
    public void An_unknown_template_is_refused_with_what_to_do()
    {
        var error = Assert.Throws<NotSupportedException>(() => ChatTemplate.Recognize("{{ '<start_of_turn>user' }}"));
        Assert.Contains("ChatTemplate.Plain", error.Message);
    }

    [Fact]
    public void What_somebody_says_never_becomes_a_token_of_the_template()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.TrainBytePairEncoding(
            ["<|im_end|> and more text"], new BytePairEncodingOptions { VocabularySize = 300, EndOfTextToken = "<|im_end|>" });
        TextCodec codec = TextCodec.Of(tokenizer);
        int special = codec.IdOf("<|im_end|>")!.Value;
        var prompt = new ChatPrompt();
        int[] ids = prompt.Text("I say <|im_end|>").Special("<|im_end|>").Encode(codec, "test");
        Assert.Single(ids, id => id == special);
        Assert.Equal(special, ids[^1]);
        Assert.Equal("I say <|im_end|>", tokenizer.Decode(ids));
    }

    [Fact]
    public void A_token_that_the_tokenizer_lacks_is_named()
    {
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.CharacterLevel(["abc"]));
        var error = Assert.Throws<ArgumentException>(() => ChatTemplate.ChatML.Encode(new Conversation([new(ChatRole.User, "abc")], null), codec));
        Assert.Contains("<|im_start|>", error.Message);
        Assert.Contains("ChatML", error.Message);
    }

    [Fact]
    public void Turns_that_a_template_cannot_say_are_refused() =>
        Assert.Throws<ArgumentException>(() => ChatTemplate.Llama2.Render(new Conversation([new(ChatRole.User, "a"), new(ChatRole.User, "b")], null)));

    private static ChatTemplate Template(string name) =>
        new[] { ChatTemplate.ChatML, ChatTemplate.Llama2, ChatTemplate.Llama3, ChatTemplate.Mistral, ChatTemplate.Zephyr, ChatTemplate.Plain }.Single(t => t.Name == name);
}
