using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class TokenizerFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Write(string name, string text) => File.WriteAllText(_folder.File(name), text);

    private void WriteTokenizer() => Write("tokenizer.json", """
        {"version": "1.0", "added_tokens": [{"id": 2, "content": "<s>", "special": true, "normalized": false, "single_word": false,
         "lstrip": false, "rstrip": false}],
         "model": {"type": "WordLevel", "vocab": {"a": 0, "<unk>": 1, "<e>": 3, "<p>": 4}, "unk_token": "<unk>"},
            "decoder": {"type": "Fuse"}}
        """);

    private GenerativeTokenizer Read() => GenerativeTokenizers.FromFolder(_folder.Path);

    [Fact]
    public void Special_tokens_and_the_chat_template_are_in_tokenizer_config_json()
    {
        WriteTokenizer();
        Write("tokenizer_config.json", """
            {"bos_token": "<s>", "eos_token": {"content": "<e>", "lstrip": false}, "pad_token": null, "model_max_length": 1e30,
             "chat_template": "{{ messages }}"}
            """);

        Assert.Equal(new SpecialTokenIds(Bos: 2, Eos: 3, Unk: 1), Read().SpecialTokens);
        Assert.Equal("{{ messages }}", Read().Config.ChatTemplate);
        Assert.Equal("{{ messages }}", TokenizerFiles.Load(TokenizerFiles.Save(Read())).Config.ChatTemplate);
    }

    [Fact]
    public void What_tokenizer_config_json_does_not_say_other_files_do()
    {
        WriteTokenizer();
        Write("special_tokens_map.json", """{"bos_token": "<s>"}""");
        Write("generation_config.json", """{"bos_token_id": 4, "eos_token_id": [3, 4]}""");
        Write("config.json", """{"eos_token_id": 0, "pad_token_id": 4}""");
        Write("chat_template.jinja", "{% for m in messages %}");

        Assert.Equal(new SpecialTokenIds(Bos: 2, Eos: 3, Unk: 1, Pad: 4), Read().SpecialTokens);
        Assert.Equal("{% for m in messages %}", Read().Config.ChatTemplate);
    }

    [Fact]
    public void The_default_of_several_chat_templates_is_taken()
    {
        WriteTokenizer();
        Write(
            "tokenizer_config.json",
            """{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}""");

        Assert.Equal("D", Read().Config.ChatTemplate);
    }

    [Fact]
    public void A_special_token_that_the_vocabulary_lacks_is_named()
    {
        WriteTokenizer();
        Write("tokenizer_config.json", """{"eos_token": "<gone>"}""");

        string message = Assert.Throws<InvalidDataException>(Read).Message;
        Assert.Contains("eos_token", message, StringComparison.Ordinal);
        Assert.Contains("<gone>", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_a_tokenizer_says_what_was_expected()
    {
        Assert.Contains("tokenizer.json", Assert.Throws<FileNotFoundException>(Read).Message, StringComparison.Ordinal);
        Assert.Throws<DirectoryNotFoundException>(() => GenerativeTokenizers.FromFolder(_folder.File("none")));
        Assert.Throws<FileNotFoundException>(() => GenerativeTokenizers.FromFile(_folder.File("none.json")));
        Write("a.xyz", "");
        Assert.Contains(
            "*.model", Assert.Throws<NotSupportedException>(() => GenerativeTokenizers.FromFile(_folder.File("a.xyz"))).Message,
            StringComparison.Ordinal);
    }

    private void WriteByteVocabulary(params string[] others) => Write(
        "vocab.json",
        System.Text.Json.JsonSerializer.Serialize(
            Enumerable.Range(0, 256).Select(value => ByteAlphabet.CharacterOf((byte)value).ToString()).Concat(others)
            .Index().ToDictionary(token => token.Item, token => token.Index)));

    [Fact]
    public void Two_files_of_a_GPT2_tokenizer_are_read()
    {
        WriteByteVocabulary("ab", "<|endoftext|>");
        Write("merges.txt", "#version: 0.2\na b\n");

        GenerativeTokenizer tokenizer = Read();
        Assert.Equal([256, ' ', 256, '1', '2', 257], tokenizer.EncodeToIds("ab ab12<|endoftext|>"));
        Assert.Equal(new SpecialTokenIds(Bos: 257, Eos: 257), tokenizer.SpecialTokens);
    }

    [Fact]
    public void Two_files_of_a_Qwen2_tokenizer_are_read_with_its_tokens_and_in_normal_form_C()
    {
        WriteByteVocabulary("12");
        Write("merges.txt", "1 2\n");
        Write("tokenizer_config.json", """
            {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "added_tokens_decoder": {
              "300": {"content": "<|endoftext|>", "special": true, "normalized": false, "single_word": false, "lstrip": false,
                 "rstrip": false},
              "301": {"content": "<|im_end|>", "special": true, "normalized": false, "single_word": false, "lstrip": false,
                 "rstrip": false}}}
            """);

        GenerativeTokenizer tokenizer = Read();
        // Each digit is for itself, and e with an accent is é, two bytes.
        Assert.Equal(['1', '2', 301], tokenizer.EncodeToIds("12<|im_end|>"));
        Assert.Equal([0xC3, 0xA9], tokenizer.EncodeToIds("e\u0301"));
        Assert.Equal(new SpecialTokenIds(Eos: 301, Pad: 300), tokenizer.SpecialTokens);
    }

    [Fact]
    public void Two_files_of_a_tokenizer_that_works_otherwise_are_refused_by_its_name()
    {
        WriteByteVocabulary();
        Write("merges.txt", "#version: 0.2\n");
        Write("tokenizer_config.json", """{"tokenizer_class": "RobertaTokenizerFast"}""");

        Assert.Contains("RobertaTokenizer", Assert.Throws<InvalidDataException>(Read).Message, StringComparison.Ordinal);
    }

    [DataFileFact("llama-tokenizer/tokenizer.model")]
    public void A_SentencePiece_model_is_read_with_the_settings_beside_it()
    {
        File.Copy(DataFile.Find("llama-tokenizer/tokenizer.model")!, _folder.File("tokenizer.model"));
        Write(
            "tokenizer_config.json",
            """{"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true, "legacy": false}""");
        Write("added_tokens.json", """{"<pad>": 32000}""");

        GenerativeTokenizer tokenizer = Read();
        // What follows an added token has no space put before it.
        Assert.Equal([306, 32000, 29902, 2], tokenizer.EncodeToIds("I<pad>I"));
        Assert.Equal(32001, tokenizer.VocabularySize);
    }

    [DataFileFact("t5-spiece/spiece.model")]
    public void A_text_of_T5_ends_with_its_token_for_that()
    {
        File.Copy(DataFile.Find("t5-spiece/spiece.model")!, _folder.File("spiece.model"));
        Write("tokenizer_config.json", """{"tokenizer_class": "T5Tokenizer"}""");

        Assert.Equal([8774, 6, 149, 33, 25, 58, 1], Read().EncodeToIds("Hello, how are you?"));
    }

    [Fact]
    public void A_WordPiece_vocabulary_is_read_with_the_settings_beside_it()
    {
        Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\nA\na\n");
        Write("tokenizer_config.json", """{"tokenizer_class": "BertTokenizer", "do_lower_case": true}""");

        Assert.Equal([1, 4, 2], Read().EncodeToIds("A"));
    }
}
