using CsCheck;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class ConversationTests
{
    private const string Llama = "llama-tokenizer/tokenizer.model";

    private static readonly ChatTurn[] _turns =
        [new("system", "Be brief."), new("user", "Hi!"), new("assistant", "Hello."), new("user", "Who?"), new("assistant", "I.")];

    private static readonly string[] _special =
        ["<|im_start|>", "<|im_end|>", "<s>", "</s>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];

    private static readonly Lazy<TextCodec> _codec = new(() => TextCodec.Of(SpecialTokens.Add(GenerativeTokenizers.TrainBytePairEncoding(
        [
            "User: Hi!\nAssistant: Hello.\nUser: Who? I.\n",
            "user\nHi! assistant\nHello. [INST] Who? [/INST] <|user|>\n<|assistant|>\nHello.\nUser:",
        ],
        new BytePairEncodingOptions { VocabularySize = 320, EndOfTextToken = "<|endoftext|>" }), _special)));

    // Parts of a whole conversation in turn: what is read, and what has to be written.
    public static TheoryData<string, string[]> Parts => new()
    {
        {
            "ChatML",
            [
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n", "Hello.<|im_end|>",
                "\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n", "I.<|im_end|>",
            ]
        },
        { "Llama2", ["<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi! [/INST]", " Hello. </s>", "<s>[INST] Who? [/INST]", " I. </s>"] },
        {
            "Llama3",
            [
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
                + "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
                "Hello.<|eot_id|>",
                "<|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
                "I.<|eot_id|>",
            ]
        },
        { "Mistral", ["<s>[INST] Be brief.\n\nHi! [/INST]", " Hello.</s>", "[INST] Who? [/INST]", " I.</s>"] },
        { "Zephyr",
        [
            "<|system|>\nBe brief.</s>\n<|user|>\nHi!</s>\n<|assistant|>\n", "Hello.</s>", "\n<|user|>\nWho?</s>\n<|assistant|>\n",
            "I.</s>",
        ] },
        { "Plain", ["System: Be brief.\nUser: Hi!\nAssistant:", " Hello.\nUser:", " Who?\nAssistant:", " I.<|endoftext|>"] },
    };

    [Theory]
    [MemberData(nameof(Parts))]
    public void Of_a_conversation_the_answers_and_their_ends_are_learned(string template, string[] parts)
    {
        (int[] ids, bool[] isAnswer) = ChatTemplate.Named(template)!.EncodeAnswers(
            new Conversation(_turns, wantsAnswer: false), _codec.Value);
        Assert.Equal(parts, Cut(ids, isAnswer));
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void What_is_read_before_the_first_answer_is_what_a_chat_would_be_given(string template, string[] parts)
    {
        _ = parts;
        ChatTemplate chat = ChatTemplate.Named(template)!;
        (int[] ids, bool[] isAnswer) = chat.EncodeAnswers(new Conversation(_turns, wantsAnswer: false), _codec.Value);
        Assert.Equal(chat.Encode(new Conversation(_turns[..2], wantsAnswer: true), _codec.Value), ids[..Array.IndexOf(isAnswer, true)]);
    }

    [Fact]
    public void What_is_said_after_the_last_answer_is_left_out()
    {
        (int[] ids, bool[] isAnswer) = ChatTemplate.ChatML.EncodeAnswers(new Conversation(_turns[..4], wantsAnswer: false), _codec.Value);
        Assert.EndsWith("Hello.<|im_end|>", ((GenerativeTokenizer)_codec.Value.Tokenizer).Decode(ids, skipSpecialTokens: false));
        Assert.True(isAnswer[^1]);
    }

    [Fact]
    public void Whatever_is_said_the_tokens_are_those_of_the_whole_text_and_answers_are_learned_whole() =>
        Gen.Select(Gen.Select(UnicodeText.Any, UnicodeText.Any).Array[1, 3], Gen.Int[0, 5]).Sample((pairs, number) =>
        {
            ChatTemplate template = ChatTemplate.Named((string)Parts.ElementAt(number)[0])!;
            var conversation = new Conversation(
                pairs.SelectMany(p => new[] { new ChatTurn("user", UnicodeText.WellFormed(p.Item1)), new ChatTurn(
                    "assistant", UnicodeText.WellFormed(p.Item2)) }), wantsAnswer: false);
            (int[] ids, bool[] isAnswer) = template.EncodeAnswers(conversation, _codec.Value);
            int[] whole = template.Encode(conversation, _codec.Value);
            Assert.Equal(whole[..ids.Length], ids);
            string[] learned = [.. Cut(ids, isAnswer).Where((_, i) => i % 2 == 1)];
            Assert.Equal(pairs.Length, learned.Length);
            for (int i = 0; i < pairs.Length; i++)
                Assert.Contains(UnicodeText.WellFormed(pairs[i].Item2), learned[i]);
        }, iter: 500);

    [Fact]
    public void An_answer_ends_with_its_turn_or_with_the_text()
    {
        TextCodec codec = _codec.Value with { OtherEnds = [3] };
        (TextCodec ending, _) = ChatTemplate.ChatML.ForAnswers(codec, new());
        Assert.Equal(new[] { 3, codec.End!.Value, codec.IdOf("<|im_end|>")!.Value }.Order(), ending.Ends.Order());
    }

    [DataFileFact(Llama)]
    public void A_sentence_piece_tokenizer_puts_no_second_space_before_an_answer()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.FromFile(DataFile.Find(Llama)!);
        (int[] ids, bool[] isAnswer) = ChatTemplate.Llama2.EncodeAnswers(
            new Conversation(_turns[1..3], wantsAnswer: false), TextCodec.Of(tokenizer));
        // As of "[INST] Hi! [/INST] Hello. " between its special tokens: ▁Hello . ▁ </s>
        Assert.Equal(["▁Hello", ".", "▁", "</s>"], ids.Where((_, i) => isAnswer[i]).Select(id => tokenizer.TokenOf(id)!));
    }

    [Theory]
    [InlineData("""[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]""")]
    [InlineData("""{"id":7,"messages":[{"role":"user","content":"a","name":"x"},{"role":"assistant","content":"b","tool_calls":null}]}""")]
    public void Messages_are_read_as_data_sets_have_them(string json) =>
        Assert.Equal([new ChatTurn("user", "a"), new ChatTurn("assistant", "b")], ConversationJson.Read(json, wantsAnswer: false).Turns);

    [Theory]
    [InlineData("hello", "is not JSON")]
    [InlineData("{}", "Object where a list of messages was expected")]
    [InlineData("[]", "no message of a user")]
    [InlineData("[3]", "Message 0 is Number")]
    [InlineData("""[{"role":"user","content":"a"},{"content":"b"}]""", "Message 1 has no 'role'")]
    [InlineData("""[{"role":"human","content":"a"}]""", "'human'; supported values: system, user, assistant")]
    [InlineData("""[{"role":"user","content":["a"]}]""", "'content' of message 0 is Array")]
    [InlineData("""[{"role":"assistant","content":"","tool_calls":[]}]""", "'tool_calls'")]
    [InlineData("""[{"role":"user","role":"user","content":"a"}]""", "is not JSON")]
    [InlineData("""[{"role":"user","content":"\ud800"}]""", "not valid text")]
    public void What_is_no_conversation_is_refused_by_what_is_wrong(string json, string words) =>
        Assert.Contains(words, Assert.Throws<ArgumentException>(() => ConversationJson.Read(json, wantsAnswer: true)).Message);

    // Texts of tokens that are read and learned, in turn.
    private static string[] Cut(int[] ids, bool[] isAnswer)
    {
        List<List<int>> parts = [];
        for (int i = 0; i < ids.Length; i++)
        {
            if (i == 0 || isAnswer[i] != isAnswer[i - 1])
                parts.Add([]);
            parts[^1].Add(ids[i]);
        }

        return [.. parts.Select(part => ((GenerativeTokenizer)_codec.Value.Tokenizer).Decode(part, skipSpecialTokens: false))];
    }
}
