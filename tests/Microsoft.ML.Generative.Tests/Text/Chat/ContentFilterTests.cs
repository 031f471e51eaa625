using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;

namespace Microsoft.ML.Generative.Tests;

public sealed class ContentFilterTests
{
    private static readonly ContentFilterOptions _options = new()
    {
        Score = sentence => sentence.Contains("bad", StringComparison.Ordinal) ? 0.9 : 0.1,
        Refusal = "No.",
    };

    [Theory]
    [InlineData("One. Two! Three", new[] { "One.", " Two!", " Three" })]
    [InlineData("Pi is 3.14. So?\nYes", new[] { "Pi is 3.14.", " So?\n", "Yes" })]
    [InlineData("Wait... what", new[] { "Wait...", " what" })]
    [InlineData("一。二！", new[] { "一。", "二！" })]
    [InlineData("", new string[0])]
    public void Sentences_are_the_same_however_the_text_comes(string text, string[] expected)
    {
        foreach (int size in (int[])[1, 2, 3, 100])
        {
            var cutter = new SentenceCutter();
            List<string> sentences = [.. text.Chunk(size).SelectMany(piece => cutter.Append(new string(piece)).ToArray())];
            sentences.Add(cutter.Flush());
            Assert.Equal(expected, sentences.Where(sentence => sentence.Length > 0));
            Assert.Equal(text.Length, cutter.Completed);
        }
    }

    [Fact]
    public void A_text_without_sentences_does_not_wait_for_its_end()
    {
        var cutter = new SentenceCutter();
        Assert.Equal([400, 400], cutter.Append(new string('a', 900)).Select(sentence => sentence.Length).ToArray());
    }

    [Theory]
    [InlineData("All is well. Good day.", "All is well. Good day.", "stop")]
    [InlineData("All is well. A bad day.", "No.", "content_filter")]
    [InlineData("bad", "No.", "content_filter")]
    public async Task An_answer_passes_or_is_replaced(string answer, string expected, string reason)
    {
        using var client = new ContentFilterChatClient(new Echo(answer), _options);
        ChatResponse response = await client.GetResponseAsync("hello");
        Assert.Equal((expected, reason), (response.Text, response.FinishReason!.Value.Value));
        Assert.Equal("echo", response.ModelId);
    }

    [Fact]
    public async Task A_stream_ends_with_the_refusal_before_anybody_sees_the_sentence()
    {
        var inner = new Echo("All is well. This is a bad day. And more. And more.");
        using var client = new ContentFilterChatClient(inner, _options);
        List<ChatResponseUpdate> updates = await Stream(client, "hello");
        Assert.Equal("All is well.No.", string.Concat(updates.Select(update => update.Text)));
        Assert.Equal((ChatFinishReason.ContentFilter, "echo"), (updates[^1].FinishReason, updates[^1].ModelId));
        Assert.True(inner.Pieces < 40, $"the model went on for {inner.Pieces} pieces");
    }

    [Fact]
    public async Task A_stream_that_is_clean_is_passed_on_whole_and_in_order()
    {
        const string answer = "All is well. Pi is 3.14, and so on";
        using var client = new ContentFilterChatClient(new Echo(answer), _options);
        List<ChatResponseUpdate> updates = await Stream(client, "hello");
        Assert.Equal(answer, string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
    }

    [Fact]
    public async Task A_request_is_refused_before_the_model_sees_it_and_forgotten_after_its_answer()
    {
        var inner = new Echo("Fine.");
        using var client = new ContentFilterChatClient(inner, _options);
        List<ChatMessage> messages = [new(ChatRole.System, "bad is a word."), new(ChatRole.User, "Say something bad.")];
        ChatResponse refused = await client.GetResponseAsync(messages);
        Assert.Equal(("No.", ChatFinishReason.ContentFilter, 0), (refused.Text, refused.FinishReason, inner.Calls));
        List<ChatResponseUpdate> updates = await Stream(client, [.. messages]);
        Assert.Equal(("No.", ChatFinishReason.ContentFilter, 0), (updates[0].Text, updates[0].FinishReason, inner.Calls));

        messages.AddRange(refused.Messages);
        messages.Add(new ChatMessage(ChatRole.User, "Sorry."));
        Assert.Equal("Fine.", (await client.GetResponseAsync(messages)).Text);
    }

    [Fact]
    public async Task Either_side_can_be_left_unchecked()
    {
        using var answers = new ContentFilterChatClient(
            new Echo("Fine."), new() { Score = _options.Score, ChecksRequests = false });
        Assert.Equal("Fine.", (await answers.GetResponseAsync("bad")).Text);
        using var requests = new ContentFilterChatClient(
            new Echo("bad."), new() { Score = _options.Score, ChecksResponses = false });
        Assert.Equal("bad.", (await requests.GetResponseAsync("hello")).Text);
        Assert.Equal("bad.", string.Concat((await Stream(requests, "hello")).Select(update => update.Text)));
    }

    [Fact]
    public async Task A_classifier_of_ML_NET_decides_for_a_language_model()
    {
        var ml = new MLContext(seed: 1);
        string[] good = ["what a lovely day", "thank you my friend", "have a nice evening", "you are kind"];
        string[] rude = ["you are a fool", "go away you fool", "what a stupid fool", "you stupid thing"];
        IDataView data = ml.Data.LoadFromEnumerable(
            good.Select(text => new Labeled { Text = text }).Concat(rude.Select(text => new Labeled { Text = text, Label = true })));
        ITransformer classifier = ml.Transforms.Text.FeaturizeText("Features", "Text")
            .Append(ml.BinaryClassification.Trainers.LbfgsLogisticRegression(l1Regularization: 0, l2Regularization: 0.01f)).Fit(data);
        Func<string, double> score = ContentFilterOptions.ScoreOf(ml, classifier);
        Assert.True(score("you fool") > 0.5 && score("thank you my friend") < 0.5);
        double[] alone = [.. good.Concat(rude).Select(score)], together = new double[8];
        Parallel.For(0, 8, i => together[i] = score(good.Concat(rude).ElementAt(i)));
        Assert.Equal(alone, together);

        using var client = new ContentFilterChatClient(new Echo("Well. you stupid fool"), new() { Score = score });
        ChatResponse response = await client.GetResponseAsync("hello");
        Assert.Equal(("I cannot help with that.", ChatFinishReason.ContentFilter), (response.Text, response.FinishReason));
        Assert.Contains("'Other'", Assert.Throws<ArgumentException>(() => ContentFilterOptions.ScoreOf(ml, classifier, "Other")).Message);
        Assert.Contains(
            "no column 'Share'",
            Assert.Throws<ArgumentException>(() => ContentFilterOptions.ScoreOf(ml, classifier, "Text", "Share")).Message);
    }

    [Fact]
    public async Task What_is_wrong_with_the_options_is_named()
    {
        using var echo = new Echo("");
        Assert.Contains(
            "Score", Assert.Throws<ArgumentException>(() => new ContentFilterChatClient(echo, new() { Score = null! })).Message);
        Assert.Contains("Threshold", Assert.Throws<ArgumentException>(
            () => new ContentFilterChatClient(echo, new() { Score = _options.Score, Threshold = double.NaN })).Message);
        Assert.Contains("Refusal", Assert.Throws<ArgumentException>(
            () => new ContentFilterChatClient(echo, new() { Score = _options.Score, Refusal = " " })).Message);
        using var nan = new ContentFilterChatClient(echo, new() { Score = _ => double.NaN });
        Assert.Contains("'hello' is NaN", (await Assert.ThrowsAsync<InvalidOperationException>(
            () => nan.GetResponseAsync("hello"))).Message);
    }

    private static Task<List<ChatResponseUpdate>> Stream(IChatClient client, string message) =>
        Stream(client, new ChatMessage(ChatRole.User, message));

    private static async Task<List<ChatResponseUpdate>> Stream(IChatClient client, params ChatMessage[] messages)
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in
            client.GetStreamingResponseAsync(messages))
            updates.Add(update);
        return updates;
    }

    private sealed class Labeled
    {
        public string Text { get; set; } = "";

        public bool Label { get; set; }
    }

    /// <summary>Says the same, character by character.</summary>
    private sealed class Echo(string answer) : IChatClient
    {
        public int Calls { get; private set; }

        public int Pieces { get; private set; }

        public Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            Calls++;
            return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, answer))
            {
                ModelId = "echo",
                FinishReason = ChatFinishReason.Stop,
            });
        }

        public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null,
            [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            Calls++;
            foreach (char c in answer)
            {
                Pieces++;
                yield return new ChatResponseUpdate(ChatRole.Assistant, c.ToString()) { ModelId = "echo" };
                await Task.Yield();
            }

            yield return new ChatResponseUpdate(ChatRole.Assistant, []) { ModelId = "echo", FinishReason = ChatFinishReason.Stop };
        }

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
