using System.Text;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Tests;

public sealed class ChatClientTests : IClassFixture<ChatClientTests.Parrot>
{
    private readonly LanguageModelTransformer _model;

    public ChatClientTests(Parrot parrot) => _model = parrot.Model;

    [Fact]
    public async Task An_answer_is_what_was_learned_with_usage_and_reason()
    {
        using IChatClient chat = _model.AsChatClient();
        ChatResponse response = await chat.GetResponseAsync("cat?", new() { Temperature = 0 });
        Assert.Equal(" meow", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.NotEmpty(response.Messages.Single().MessageId!);
        Assert.Equal("User: cat?\nAssistant:".Length, response.Usage!.InputTokenCount);
        Assert.Equal(response.Usage.InputTokenCount + response.Usage.OutputTokenCount, response.Usage.TotalTokenCount);
        Assert.Equal(" woof", (await chat.GetResponseAsync("dog?", new() { Temperature = 0 })).Text);
    }

    [Fact]
    public async Task Streamed_updates_make_the_same_response()
    {
        using IChatClient chat = _model.AsChatClient();
        var text = new StringBuilder();
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("dog?", new() { Temperature = 0 }))
        {
            updates.Add(update);
            text.Append(update.Text);
        }

        Assert.Equal(" woof", text.ToString());
        Assert.True(updates.Count > 3);
        Assert.Single(updates.Select(u => u.ResponseId).Distinct());
        ChatResponse whole = updates.ToChatResponse();
        Assert.Equal((" woof", ChatFinishReason.Stop), (whole.Text, whole.FinishReason));
        Assert.Equal((await chat.GetResponseAsync("dog?", new() { Temperature = 0 })).Usage!.TotalTokenCount, whole.Usage!.TotalTokenCount);
    }

    [Fact]
    public async Task Options_are_followed_and_not_changed()
    {
        using IChatClient chat = _model.AsChatClient();
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 3, StopSequences = ["zzz"], Seed = 12 };
        ChatResponse response = await chat.GetResponseAsync("cat?", options);
        Assert.Equal((" me", ChatFinishReason.Length, 3L), (response.Text, response.FinishReason, response.Usage!.OutputTokenCount));
        Assert.Equal((0f, 3, 12L), (options.Temperature, options.MaxOutputTokens, options.Seed));
        Assert.Equal(["zzz"], options.StopSequences);
        Assert.Equal(" m", (await chat.GetResponseAsync("cat?", new() { Temperature = 0, StopSequences = ["e"] })).Text);

        async Task<string> Draw(long seed) =>
            (await chat.GetResponseAsync("cat?", new() { Temperature = 3, Seed = seed, MaxOutputTokens = 20 })).Text;
        Assert.Equal(await Draw(5), await Draw(5));
        Assert.NotEqual(await Draw(5), await Draw(6));
    }

    [Fact]
    public async Task Many_conversations_at_a_time_do_not_mix()
    {
        using IChatClient chat = _model.AsChatClient();
        string[] answers = await Task.WhenAll(Enumerable.Range(0, 8)
            .Select(async i => (await chat.GetResponseAsync(i % 2 == 0 ? "cat?" : "dog?", new() { Temperature = 0 })).Text));
        Assert.Equal(Enumerable.Range(0, 8).Select(i => i % 2 == 0 ? " meow" : " woof"), answers);
    }

    [Fact]
    public async Task What_the_model_cannot_do_is_refused_by_name()
    {
        using IChatClient chat = _model.AsChatClient();
        foreach ((ChatOptions options, string name) in ((ChatOptions, string)[])[
            (new() { Tools = [AIFunctionFactory.Create(() => 1)] }, "Tools"), (new() { ConversationId = "1" }, "ConversationId"),
            (new() { ResponseFormat = JsonTexts.Schema("""{"type":"string","pattern":"a(?=b)"}""") }, "pattern")])
            Assert.Contains(name, (await Assert.ThrowsAsync<NotSupportedException>(() => chat.GetResponseAsync("cat?", options))).Message);
        await Assert.ThrowsAsync<NotSupportedException>(() =>
            chat.GetResponseAsync(new ChatMessage(ChatRole.User, [new UriContent("https://example.org/a.png", "image/png")])));
        await Assert.ThrowsAsync<ArgumentException>(() => chat.GetResponseAsync(Array.Empty<ChatMessage>()));
    }

    [Fact]
    public void Missing_messages_are_an_error_of_the_call()
    {
        using IChatClient chat = _model.AsChatClient();
        Assert.Equal("messages", Assert.Throws<ArgumentNullException>(
            () => { _ = chat.GetResponseAsync((IEnumerable<ChatMessage>)null!); }).ParamName);
        Assert.Equal("messages", Assert.Throws<ArgumentNullException>(
            () => { _ = chat.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!); }).ParamName);
        Assert.Equal(
            "values", Assert.Throws<ArgumentNullException>(() => { _ = _model.AsEmbeddingGenerator().GenerateAsync(null!); }).ParamName);
    }

    [Fact]
    public async Task The_model_s_name_is_told_and_a_caller_s_own_is_kept()
    {
        IChatClient chat = _model.AsChatClient();
        string id = chat.GetService<ChatClientMetadata>()!.DefaultModelId!;
        Assert.Contains($"{_model.Architecture.CountParameters()}", id);
        Assert.Equal(id, (await chat.GetResponseAsync("cat?", new() { Temperature = 0 })).ModelId);
        Assert.Equal(id, (await chat.GetStreamingResponseAsync("cat?", new() { Temperature = 0 }).ToChatResponseAsync()).ModelId);
        Assert.Equal("mine", (await chat.GetResponseAsync("cat?", new() { Temperature = 0, ModelId = "mine" })).ModelId);

        IEmbeddingGenerator<string, Embedding<float>> generator = _model.AsEmbeddingGenerator();
        Assert.Equal(id, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelId);
        Assert.Equal(id, (await generator.GenerateAsync(["cat?"]))[0].ModelId);
        Assert.Equal("mine", (await generator.GenerateAsync(["cat?"], new() { ModelId = "mine" }))[0].ModelId);
    }

    [Fact]
    public async Task Tools_that_are_switched_off_are_accepted()
    {
        using IChatClient chat = _model.AsChatClient();
        var options = new ChatOptions { Temperature = 0, Tools = [AIFunctionFactory.Create(() => 1)], ToolMode = ChatToolMode.None };
        Assert.Equal(" meow", (await chat.GetResponseAsync("cat?", options)).Text);
    }

    // Said in AsChatClient's remarks.
    [Fact]
    public async Task A_context_s_seed_gives_the_same_answer_each_time()
    {
        using IChatClient chat = _model.AsChatClient();
        var options = new ChatOptions { Temperature = 3, MaxOutputTokens = 20 };
        Assert.Equal((await chat.GetResponseAsync("cat?", options)).Text, (await chat.GetResponseAsync("cat?", options)).Text);
    }

    [Fact]
    public void Services_are_found_by_their_types()
    {
        IChatClient chat = _model.AsChatClient();
        Assert.NotNull(chat.GetService<ChatClientMetadata>());
        Assert.Same(chat, chat.GetService<IChatClient>());
        Assert.Same(_model, chat.GetService<LanguageModelTransformer>());
        Assert.Null(chat.GetService<string>());
        Assert.Null(chat.GetService(typeof(ChatClientMetadata), "key"));
        chat.Dispose();
        Assert.NotEmpty(_model.Generate("User"));
    }

    [Fact]
    public async Task A_cancelled_call_stops()
    {
        using IChatClient chat = _model.AsChatClient();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => chat.GetResponseAsync("cat?", cancellationToken: cancelled.Token));
    }

    [Fact]
    public async Task Embeddings_are_means_of_hidden_states_and_alone_as_in_company()
    {
        IEmbeddingGenerator<string, Embedding<float>> generator = _model.AsEmbeddingGenerator();
        GeneratedEmbeddings<Embedding<float>> both = await generator.GenerateAsync(["cat?", "User: dog?"]);
        Assert.Equal(2, both.Count);
        Assert.Equal("cat?User: dog?".Length, both.Usage!.InputTokenCount);
        Assert.Equal(_model.Architecture.EmbeddingSize, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions);
        Assert.Equal(both[0].Vector.ToArray(), (await generator.GenerateAsync(["cat?"]))[0].Vector.ToArray());

        using (TorchSharp.torch.no_grad())
        using (TorchSharp.torch.Tensor hidden = _model.Network.Hidden(
            TorchSharp.torch.tensor(_model.Codec.EncodePrompt("cat?").Select(t => (long)t).ToArray(), [1, 4])))
        {
            float[] values = hidden.data<float>().ToArray();
            int width = _model.Architecture.EmbeddingSize;
            for (int i = 0; i < width; i++)
                Assert.Equal(Enumerable.Range(0, 4).Average(t => values[t * width + i]), both[0].Vector.Span[i], 1e-5f);
        }

        string tooLong = string.Concat(Enumerable.Repeat("cat?", 40));
        Assert.Contains("160 tokens", (await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync([tooLong]))).Message);
    }

    /// <summary>A model that has learned two answers by heart.</summary>
    public sealed class Parrot : IDisposable
    {
        public Parrot()
        {
            MLContext ml = new(seed: 1);
            LanguageModelOptions options = TinyText.Options();
            (options.PromptColumnName, options.InputColumnName) = (nameof(Turn.Question), nameof(Turn.Answer));
            options.Architecture = options.Architecture with { ContextLength = 64, EmbeddingSize = 32 };
            (options.Epochs, options.LearningRate, options.BatchSize, options.Generation.MaxTokens) = (150, 5e-3, 2, 20);
            Model = ml.Transforms.Generative().LanguageModel(options).Fit(ml.Data.LoadFromEnumerable(
            [
                new Turn { Question = "User: cat?\nAssistant:", Answer = " meow" },
                new Turn { Question = "User: dog?\nAssistant:", Answer = " woof" },
            ]));
        }

        internal LanguageModelTransformer Model { get; }

        public void Dispose() => Model.Dispose();

        private sealed class Turn
        {
            public string Question { get; set; } = "";

            public string Answer { get; set; } = "";
        }
    }
}
