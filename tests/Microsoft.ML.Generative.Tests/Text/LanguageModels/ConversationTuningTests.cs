using Microsoft.Extensions.AI;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class ConversationTuningTests
{
    [Fact]
    public void Only_answers_are_targets()
    {
        var corpus = new TokenCorpus(20, long.MaxValue);
        corpus.AddExample([1, 2, 3], prompt: 1);
        corpus.AddExample([4, 5, 6, 7, 8, 9, 10, 11], [false, false, true, true, false, false, true, true]);
        corpus.AddExample([12, 13, 14, 15], [false, true, false, true]);
        using var scope = TorchSharp.torch.NewDisposeScope();
        TensorBatch batch = TokenBatches.Make(corpus, [.. corpus.Examples], TorchSharp.torch.CPU);
        Assert.Equal(2 + 4 + 2, batch.Weight);
        Assert.Equal([4, 5, 6, 7, 8, 9, 10], batch[0].data<long>().ToArray()[7..14]);
        Assert.Equal([2, 3, -100, -100, -100, -100, -100, -100, 6, 7, -100, -100, 10, 11, 13, -100, 15, -100, -100, -100, -100], batch[1]
            .data<long>().ToArray());

        var other = new TokenCorpus(20, long.MaxValue);
        other.AddExample([1, 2, 3], prompt: 1);
        other.AddExample([4, 5, 6, 7, 8, 9, 10, 11], [false, false, true, false, false, false, true, true]);
        other.AddExample([12, 13, 14, 15], [false, true, false, true]);
        Assert.NotEqual(corpus.Fingerprint, other.Fingerprint);
    }

    [Fact]
    public async Task A_model_learns_to_answer_each_turn_and_to_stop()
    {
        MLContext ml = new(seed: 1);
        LanguageModelOptions options = Options();
        GenerativeTokenizer bytes = GenerativeTokenizers.TrainBytePairEncoding(["user assistant cat meow dog woof"], 270);
        (options.Tokenizer, options.ChatTemplate) = (SpecialTokens.Add(bytes, "<|im_start|>", "<|im_end|>"), ChatTemplate.ChatML);
        (options.Epochs, options.LearningRate, options.BatchSize) = (120, 5e-3, 2);
        // The second answer depends on the first question.
        IDataView data = Data(ml,
            """
            [{"role":"user","content":"cat"},{"role":"assistant","content":"meow"},
             {"role":"user","content":"again"},{"role":"assistant","content":"meow meow"}]
            """,
            """
            {"messages":[{"role":"user","content":"dog"},{"role":"assistant","content":"woof"},
                         {"role":"user","content":"again"},{"role":"assistant","content":"woof woof"}]}
            """);
        using LanguageModelTransformer trained = ml.Transforms.Generative().LanguageModel(options).Fit(data);

        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "model.zip");
        ml.Model.Save(trained, data.Schema, path);
        using var model = (LanguageModelTransformer)ml.Model.Load(path, out _);
        IDataView questions = Data(ml,
            """[{"role":"user","content":"dog"}]""",
            """[{"role":"user","content":"cat"},{"role":"assistant","content":"meow"},{"role":"user","content":"again"}]""");
        Assert.Equal(["woof", "meow meow"], model.Transform(questions).GetColumn<string>("Completion"));

        using IChatClient chat = model.AsChatClient();
        ChatResponse response = await chat.GetResponseAsync("cat");
        Assert.Equal(("meow", ChatFinishReason.Stop), (response.Text, response.FinishReason));
    }

    [Fact]
    public void A_model_from_nothing_learns_plain_conversations()
    {
        MLContext ml = new(seed: 1);
        LanguageModelOptions options = Options();
        (options.Epochs, options.LearningRate, options.BatchSize, options.SamplePrompt) = (150, 5e-3, 2, "dog");
        List<string> log = Logs.Of(ml);
        IDataView data = Data(ml,
            """
            [{"role":"user","content":"cat"},{"role":"assistant","content":"meow"},
             {"role":"user","content":"so"},{"role":"assistant","content":"purr"}]
            """,
            """[{"role":"user","content":"dog"},{"role":"assistant","content":"woof"}]""");
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(options).Fit(data);
        IDataView questions = Data(ml, """[{"role":"user","content":"cat"}]""", """[{"role":"user","content":"dog"}]""");
        Assert.Equal([" meow", " woof"], model.Transform(questions).GetColumn<string>("Completion"));
        Assert.Contains(log, line => line.Contains("dog woof", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nonsense", "is not JSON")]
    [InlineData("""[{"role":"robot","content":"a"}]""", "robot")]
    [InlineData("""[{"role":"user","content":"a"}]""", "nothing to learn")]
    public void A_row_without_a_conversation_is_named_with_its_column(string bad, string words)
    {
        MLContext ml = new(seed: 1);
        IDataView data = Data(ml, """[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]""", bad);
        var error = Assert.Throws<InvalidDataException>(() => ml.Transforms.Generative().LanguageModel(Options()).Fit(data));
        Assert.Contains("Column 'Messages', row 1: ", error.Message);
        Assert.Contains(words, error.Message);
    }

    [Fact]
    public void A_row_to_answer_without_a_conversation_is_named_with_its_column()
    {
        MLContext ml = new(seed: 1);
        LanguageModelOptions options = Options();
        options.MaxSteps = 1;
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(options).Fit(
            Data(ml, """[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"""));
        IDataView questions = Data(ml, """[{"role":"user","content":"a"}]""", """{"role":"user"}""");
        Exception error = Assert.ThrowsAny<Exception>(() => model.Transform(questions).GetColumn<string>("Completion").ToArray());
        Assert.Contains("Column 'Messages', row 1: Object where a list", error.ToString());
    }

    [Fact]
    public void What_does_not_fit_conversations_is_refused_before_the_data_is_read()
    {
        MLContext ml = new(seed: 1);
        foreach ((Action<LanguageModelOptions> change, string[] words) in ((Action<LanguageModelOptions>, string[])[])[
            (o => o.PromptColumnName = "Text", ["MessagesColumnName", "PromptColumnName"]),
            (o => o.MessagesColumnName = "Missing", ["'Missing' is missing"]),
            (o => o.MessagesColumnName = "Number", ["'Number'", "expected text"]),
            (o => o.MessagesColumnName = " ", ["MessagesColumnName is empty"]),
            (o => (o.Tokenizer, o.ChatTemplate) = (GenerativeTokenizers.TrainBytePairEncoding(["a"], 270), ChatTemplate.ChatML),
            [
                "ChatML", "<|im_start|>",
            ])])
        {
            LanguageModelOptions options = Options();
            change(options);
            ArgumentException error = Assert.ThrowsAny<ArgumentException>(() =>
                ml.Transforms.Generative().LanguageModel(options).Fit(Data(ml, "not read")));
            Assert.All(words, word => Assert.Contains(word, error.Message));
        }
    }

    private static LanguageModelOptions Options()
    {
        LanguageModelOptions options = TinyText.Options();
        options.Architecture = options.Architecture with { ContextLength = 96, EmbeddingSize = 32, FeedForwardSize = 32, Layers = 2 };
        (options.MessagesColumnName, options.Generation.MaxTokens, options.Generation.Temperature) = (nameof(Row.Messages), 20, 0);
        return options;
    }

    private static IDataView Data(MLContext ml, params string[] conversations) =>
        ml.Data.LoadFromEnumerable(conversations.Select(json => new Row { Messages = json }));

    private sealed class Row
    {
        public string Messages { get; set; } = "";

        public float Number { get; set; }

        public string Text { get; set; } = "";
    }
}
