using System.Net;
using System.Text;
using System.Text.Json;
using CsCheck;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

public sealed class ServerTests(ServedModels models) : IClassFixture<ServedModels>
{
    private const string Chat = """{"model":"parrot","messages":[{"role":"user","content":"cat?"}]}""";

    [Fact]
    public async Task Models_are_listed_and_found()
    {
        await using TestServer server = await StartAsync();
        JsonElement list = await JsonAsync(await server.Http.GetAsync("/v1/models"));
        Assert.Equal("parrot", list.GetProperty("data")[0].GetProperty("id").GetString());
        Assert.Equal("model", (await JsonAsync(await server.Http.GetAsync("/v1/models/parrot"))).GetProperty("object").GetString());
        await AssertErrorAsync(await server.Http.GetAsync("/v1/models/none"), 404, "model_not_found");
        await AssertErrorAsync(await server.Http.GetAsync("/v1/nothing"), 404, "unknown_url");
    }

    [Fact]
    public async Task A_text_is_completed_whole_or_in_pieces()
    {
        await using TestServer server = await StartAsync();
        JsonElement answer = await JsonAsync(await server.PostAsync(
            "/v1/completions", """{"model":"parrot","prompt":["cat?|","sky Rome?|"],"max_tokens":90,"echo":true,"logprobs":2}"""));
        Assert.Equal("cat?|meow", answer.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.Equal("sky Rome?|" + ServedModels.Call, answer.GetProperty("choices")[1].GetProperty("text").GetString());
        JsonElement scores = answer.GetProperty("choices")[0].GetProperty("logprobs");
        Assert.Equal("m", scores.GetProperty("tokens")[0].GetString());
        Assert.Equal(1, scores.GetProperty("text_offset")[1].GetInt32());
        Assert.Equal(2, scores.GetProperty("top_logprobs")[0].EnumerateObject().Count());

        string stream = await (await server.PostAsync(
            "/v1/completions", """{"model":"parrot","prompt":"cat?|","stream":true,"stream_options":{"include_usage":true}}"""))
            .Content.ReadAsStringAsync();
        string[] events = stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, e => Assert.StartsWith("data: ", e));
        Assert.Equal("data: [DONE]", events[^1]);
        Assert.Equal("meow", string.Concat(events[..^2].Select(
            e => JsonDocument.Parse(e[6..]).RootElement.GetProperty("choices")[0].GetProperty("text").GetString())));
        Assert.Equal(10, JsonDocument.Parse(events[^2][6..]).RootElement.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task Without_keys_only_this_machine_is_served()
    {
        await using TestServer server = await StartAsync(caller: IPAddress.Parse("10.1.2.3"));
        await AssertErrorAsync(await server.PostAsync("/v1/chat/completions", Chat), 401, "invalid_api_key");
        await AssertErrorAsync(await server.Http.GetAsync("/metrics"), 401, "invalid_api_key");
        Assert.Equal("live", await server.Http.GetStringAsync("/health/live"));
    }

    [Fact]
    public async Task A_key_is_needed_where_there_are_some()
    {
        await using TestServer server = await StartAsync(options => (options.ApiKeys).Add("secret"));
        await AssertErrorAsync(await server.PostAsync("/v1/chat/completions", Chat), 401, "invalid_api_key");
        foreach (string key in (string[])["wrong", "secret2", "secre", "Secret"])
        {
            server.Http.DefaultRequestHeaders.Authorization = new("Bearer", key);
            await AssertErrorAsync(await server.PostAsync("/v1/chat/completions", Chat), 401, "invalid_api_key");
        }

        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/chat/completions", Chat)).StatusCode);
    }

    [Fact]
    public async Task Requests_above_a_limit_are_told_when_to_come_again()
    {
        await using TestServer server = await StartAsync(options => options.RequestsPerMinute = 2);
        for (int i = 0; i < 2; i++)
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/chat/completions", Chat)).StatusCode);
        HttpResponseMessage refused = await server.PostAsync("/v1/chat/completions", Chat);
        Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        await AssertErrorAsync(refused, 429, "rate_limit_exceeded");
    }

    [Fact]
    public async Task Requests_that_find_no_room_in_the_queue_are_refused()
    {
        await using TestServer server = await StartAsync(options => options.MaxConcurrentRequests = 1, isEndless: true);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(Endless(isStreamed: true), Encoding.UTF8, "application/json"),
        };
        using (HttpResponseMessage endless = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            Assert.True(endless.IsSuccessStatusCode);
            HttpResponseMessage[] refused =
                await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => server.PostAsync("/v1/chat/completions", Chat)));
            foreach (HttpResponseMessage answer in refused)
            {
                Assert.True(answer.Headers.RetryAfter!.Delta > TimeSpan.Zero);
                await AssertErrorAsync(answer, 429, "queue_full");
            }
        }

        await Eventually.HoldsAsync(
            async () => (await server.PostAsync("/v1/chat/completions", Chat)).IsSuccessStatusCode,
            "the place of a caller that has left is free");
    }

    [Fact]
    public async Task Large_bodies_long_answers_and_long_times_are_cut()
    {
        await using TestServer server = await StartAsync(options =>
            (options.MaxRequestBytes, options.MaxOutputTokens, options.RequestTimeout) = (2000, 3, TimeSpan.FromMinutes(1)));
        await AssertErrorAsync(await server.PostAsync("/v1/chat/completions", Chat + new string(' ', 3000)), 413, null);
        // In chunks, so that its length is not known before.
        foreach (int bytes in (int[])[3000, 3_000_000])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(Chat + new string(' ', bytes), Encoding.UTF8, "application/json"),
                Headers = { TransferEncodingChunked = true },
            };
            await AssertErrorAsync(await server.Http.SendAsync(request), 413, null);
        }

        JsonElement answer = await JsonAsync(await server.PostAsync("/v1/chat/completions", Chat));
        Assert.Equal("meo", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());

        await using TestServer hasty = await StartAsync(
            options => options.RequestTimeout = TimeSpan.FromMilliseconds(30), isEndless: true);
        await AssertErrorAsync(await hasty.PostAsync("/v1/completions", Endless(isStreamed: false)), 504, "timeout");
        // The status is sent already: the stream ends with the error.
        string stream = await (await hasty.PostAsync("/v1/completions", Endless(isStreamed: true))).Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"timeout\"", stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1]);
        Assert.DoesNotContain("[DONE]", stream);
    }

    [Fact]
    public async Task A_server_lives_before_it_is_ready()
    {
        var loaded = new TaskCompletionSource();
        await using TestServer server = await TestServer.StartAsync(services => services
            .AddGenerativeServer(_ => { })
            .AddSingleton(new ModelRegistration("parrot", () =>
            {
                loaded.Task.Wait();
                return models.Parrot;
            }, IsOwned: false)));
        Assert.Equal("live", await server.Http.GetStringAsync("/health/live"));
        HttpResponseMessage waits = await server.Http.GetAsync("/health/ready");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "parrot: loading"), (waits.StatusCode, await waits.Content.ReadAsStringAsync()));
        await AssertErrorAsync(await server.PostAsync("/v1/chat/completions", Chat), 503, "model_not_ready");
        loaded.SetResult();
        await server.ReadyAsync();
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/chat/completions", Chat)).StatusCode);
    }

    [Fact]
    public async Task A_file_is_loaded_and_a_missing_one_keeps_the_server_from_being_ready()
    {
        string file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.zip");
        try
        {
            var ml = new MLContext();
            ml.Model.Save(models.Parrot, null, file);
            await using TestServer server = await (await TestServer.StartAsync(
                services => services.AddGenerativeModel("parrot", file))).ReadyAsync();
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/chat/completions", Chat)).StatusCode);
        }
        finally
        {
            File.Delete(file);
        }

        await using TestServer missing = await TestServer.StartAsync(services => services.AddGenerativeModel("parrot", file));
        string status = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                status = await (await missing.Http.GetAsync("/health/ready")).Content.ReadAsStringAsync();
                return status != "parrot: loading";
            },
            "the attempt to load ends");
        Assert.Equal("parrot: could not be loaded", status);
    }

    [Fact]
    public async Task A_server_that_stops_lets_requests_end()
    {
        await using TestServer server = await StartAsync();
        Task<HttpResponseMessage> last = server.PostAsync("/v1/completions", """{"model":"long","prompt":"abc","max_tokens":300}""");
        while (models.Long.Generator.Scheduler!.Load.Running == 0 && !last.IsCompleted)
            await Task.Delay(1);
        Task stopping = server.Services.GetRequiredService<IHost>().StopAsync();
        Assert.Equal(HttpStatusCode.OK, (await last).StatusCode);
        await stopping;
    }

    [Fact]
    public async Task Metrics_count_requests_and_tokens()
    {
        await using TestServer server = await StartAsync();
        await server.PostAsync("/v1/chat/completions", Chat);
        await server.PostAsync("/v1/chat/completions", "{");
        string text = await server.Http.GetStringAsync("/metrics");
        const string Route = "generative_requests_total{route=\"/v1/chat/completions\",";
        Assert.Contains(Route + "model=\"parrot\",status=\"200\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains(Route + "model=\"none\",status=\"400\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("generative_tokens_total{model=\"parrot\",kind=\"answer\"} 5\n", text, StringComparison.Ordinal);
        Assert.Contains("generative_time_to_first_token_seconds_count{model=\"parrot\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("generative_texts_waiting{model=\"parrot\"} 0\n", text, StringComparison.Ordinal);
    }

    // Bodies with one or more members replaced by what does not belong there.
    [Fact]
    public async Task Whatever_is_sent_the_answer_is_one_or_an_error_of_the_caller()
    {
        await using TestServer server = await StartAsync();
        string[] values =
        [
            "null", "true", "-1", "0", "1", "1e400", "3.5", "99999999999999999999", "\"\"", "\"x\"", "\"\\ud800\"", "[]", "[[]]", "[null]",
            "[\"\\ud800\"]", "{}", "{\"type\":\"x\"}", "[{}]", "[{\"role\":\"user\"}]",
            "[{\"role\":\"tool\",\"tool_call_id\":\"a\"}]",
            "[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]",
            "[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":3}}]",
            "{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"not\":{}}}}", "{\"5\":1}", "{\"999999\":1}", "\"required\"",
        ];
        string[] members =
        [
            "model", "messages", "prompt", "input", "stream", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed",
            "n", "tools", "tool_choice", "response_format", "logprobs", "top_logprobs", "logit_bias", "stream_options", "size",
            "encoding_format", "dimensions", "max_output_tokens", "instructions", "text", "frequency_penalty", "echo", "include", "best_of",
        ];
        string[] paths =
            ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/images/generations", "/v1/responses"];
        var gen = Gen.Select(
            Gen.Int[0, paths.Length - 1],
            Gen.Select(Gen.Int[0, members.Length - 1], Gen.Int[0, values.Length - 1]).Array[1, 3], Gen.Int[0, 40]);
        await gen.SampleAsync(async sample =>
        {
            var body = new Dictionary<string, string>
            {
                ["model"] = "\"parrot\"",
                ["messages"] = """[{"role":"user","content":"cat?"}]""",
                ["prompt"] = "\"cat?|\"",
                ["input"] = "\"cat?\"",
                ["max_tokens"] = "3",
                ["max_completion_tokens"] = "3",
                ["max_output_tokens"] = "3",
            };
            foreach ((int member, int value) in sample.Item2)
                body[members[member]] = values[value];
            string text = "{" + string.Join(",", body.Select(m => $"\"{m.Key}\":{m.Value}")) + "}";
            // Some are cut.
            if (sample.Item3 < 5)
                text = text[..(text.Length * sample.Item3 / 5)];
            using HttpResponseMessage response = await server.PostAsync(paths[sample.Item1], text);
            string answer = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode is 200 or 400 or 404, $"{(int)response.StatusCode} {text}\n{answer}");
            if (!response.IsSuccessStatusCode)
                Assert.NotEmpty(JsonDocument.Parse(answer).RootElement.GetProperty("error").GetProperty("message").GetString()!);
            else
                Assert.DoesNotContain("\"error\":{", answer);
        }, iter: 400, threads: 4);
    }

    // No context ends the text of an encoder-decoder, and this one does not end by itself: it would take half a minute.
    private string Endless(bool isStreamed) =>
        $$$"""
        {"model":"translator","prompt":"red","max_tokens":65000,"temperature":1,"stream":{{{(isStreamed ? "true" : "false")}}},
        "logit_bias":{"{{{models.Translator.Codec.End!.Value}}}":-100}}
        """;

    private async Task<TestServer> StartAsync(
        Action<GenerativeServerOptions>? configure = null, IPAddress? caller = null, bool isEndless = false) =>
        await (await TestServer.StartAsync(
            services =>
            {
                services.AddGenerativeModel("parrot", models.Parrot).AddGenerativeModel("long", models.Long)
                    .AddGenerativeServer(configure ?? (_ => { }));
                if (isEndless)
                    services.AddGenerativeModel("translator", models.Translator);
            }, caller)).ReadyAsync();

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task AssertErrorAsync(HttpResponseMessage response, int status, string? code)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, text);
        JsonElement error = JsonDocument.Parse(text).RootElement.GetProperty("error");
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        Assert.NotEmpty(error.GetProperty("type").GetString()!);
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.True(error.TryGetProperty("param", out _));
    }
}
