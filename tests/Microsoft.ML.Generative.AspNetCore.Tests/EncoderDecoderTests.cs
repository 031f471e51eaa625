using System.ClientModel;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using OpenAI.Chat;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>An encoder–decoder behind /v1/completions.</summary>
public sealed class EncoderDecoderTests(ServedModels models) : IClassFixture<ServedModels>, IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await (await TestServer.StartAsync(
        services => services.AddGenerativeModel("translator", models.Translator))).ReadyAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    // With beams, as the model has them, and without, as who asks for a temperature has them.
    [Theory]
    [InlineData("")]
    [InlineData(",\"temperature\":0")]
    [InlineData(",\"top_p\":0.001,\"logprobs\":1")]
    public async Task Texts_are_written_for_sources_with_usage_and_reason(string rest)
    {
        JsonElement answer = await PostAsync($$"""{"model":"translator","prompt":["red","green"]{{rest}}}""");
        Assert.Equal(["rot", "gruen"], Texts(answer));
        Assert.Equal("stop", answer.GetProperty("choices")[1].GetProperty("finish_reason").GetString());
        // A token for each letter, and the one that ends a text.
        Assert.Equal((4 + 6, 4 + 6), Usage(answer));

        answer = await PostAsync($$"""{"model":"translator","prompt":"blue","max_tokens":2{{rest}}}""");
        Assert.Equal("length", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal((5, 2), Usage(answer));
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"temperature\":0")]
    public async Task A_stream_is_the_same_text_in_pieces(string rest)
    {
        string stream = await (await _server.PostAsync("/v1/completions",
            $$$"""{"model":"translator:french","prompt":"green","stream":true,"stream_options":{"include_usage":true}{{{rest}}}}"""))
            .Content.ReadAsStringAsync();
        string[] events = stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", events[^1]);
        JsonElement[] chunks = [.. events[..^1].Select(e => JsonDocument.Parse(e[6..]).RootElement)];
        Assert.Equal("vert", string.Concat(chunks[..^1].SelectMany(Texts)));
        Assert.Equal("stop", chunks[^2].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal((6, 5), Usage(chunks[^1]));
    }

    [Fact]
    public async Task Adapters_are_models_and_choices_are_those_of_their_seeds()
    {
        Assert.Contains("\"translator:french\"", await _server.Http.GetStringAsync("/v1/models"));
        Assert.Equal(["rouge"], Texts(await PostAsync("""{"model":"translator:french","prompt":"red"}""")));
        Assert.Equal(["rot"], Texts(await PostAsync("""{"model":"translator","prompt":"red"}""")));
        JsonElement answer = await PostAsync("""{"model":"translator","prompt":"red","n":3,"temperature":2,"seed":7}""");
        Assert.Equal(
            Enumerable.Range(7, 3).Select(
                seed => models.Translator.Generate("red", new() { Temperature = 2, Seed = seed, MaxTokens = 16 })),
            Texts(answer));
    }

    [Fact]
    public async Task What_such_a_model_cannot_do_is_an_error_of_the_caller()
    {
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(
            () => _server.Client().GetChatClient("translator").CompleteChatAsync(new UserChatMessage("red")));
        Assert.Equal(400, error.Status);
        Assert.Contains("/v1/completions", error.Message);
        HttpResponseMessage response = await _server.PostAsync(
            "/v1/completions", $$"""{"model":"translator","prompt":"{{new string('a', 600)}}"}""");
        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("601 tokens", await response.Content.ReadAsStringAsync());
        response = await _server.PostAsync("/v1/completions", """{"model":"translator:dutch","prompt":"red"}""");
        Assert.Equal(404, (int)response.StatusCode);
    }

    [Fact]
    public async Task Texts_are_written_in_turn_and_a_caller_that_leaves_frees_its_place()
    {
        int end = models.Translator.Codec.End!.Value;
        string endless = $$$"""{"model":"translator","prompt":"red","stream":true,"max_tokens":50000,"logit_bias":{"{{{end}}}":-100}}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(endless.Replace("50000", "50000,\"temperature\":1"), System.Text.Encoding.UTF8, "application/json"),
        };
        HttpResponseMessage running = await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await running.Content.ReadAsStream().ReadExactlyAsync(new byte[10]);
        Task<JsonElement> waiting = PostAsync("""{"model":"translator","prompt":"red"}""");
        await MetricAsync("generative_texts_waiting{model=\"translator\"} 1\n");
        Assert.False(waiting.IsCompleted);
        running.Dispose();
        Assert.Equal(["rot"], Texts(await waiting));
        await MetricAsync("generative_texts_running{model=\"translator\"} 0\n");
    }

    private Task MetricAsync(string line) => Eventually.HoldsAsync(
        async () => (await _server.Http.GetStringAsync("/metrics")).Contains(line, StringComparison.Ordinal), line);

    private async Task<JsonElement> PostAsync(string body)
    {
        HttpResponseMessage response = await _server.PostAsync("/v1/completions", body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static IEnumerable<string> Texts(JsonElement answer) =>
        answer.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("text").GetString()!);

    private static (int Prompt, int Answer) Usage(JsonElement answer) => (
        answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(),
        answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
}
