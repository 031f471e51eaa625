using System.ClientModel;
using System.ComponentModel;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Images;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>The official client, and Microsoft.Extensions.AI's over it, against the server.</summary>
public sealed class OpenAIClientTests(ServedModels models) : IClassFixture<ServedModels>, IAsyncLifetime
{
    private TestServer _server = null!;

    private ChatClient Parrot => _server.Client().GetChatClient("parrot");

    public async Task InitializeAsync() => _server = await (await TestServer.StartAsync(services => services
        .AddGenerativeModel("parrot", models.Parrot)
        .AddGenerativeModel("long", models.Long)
        .AddGenerativeModel("images", models.Images))).ReadyAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_chat_is_answered_with_usage_and_reason()
    {
        OpenAI.Chat.ChatCompletion answer = await Parrot.CompleteChatAsync(new UserChatMessage("cat?"));
        Assert.Equal("meow", answer.Content.Single().Text);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(("parrot", ChatMessageRole.Assistant), (answer.Model, answer.Role));
        Assert.Equal((5, 5, 10), (answer.Usage.InputTokenCount, answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount));
        answer = await Parrot.CompleteChatAsync([new UserChatMessage("cat?")], new ChatCompletionOptions { MaxOutputTokenCount = 2 });
        Assert.Equal(("me", OpenAI.Chat.ChatFinishReason.Length), (answer.Content.Single().Text, answer.FinishReason));
        answer = await Parrot.CompleteChatAsync([new UserChatMessage("cat?")], new ChatCompletionOptions { StopSequences = { "ow" } });
        Assert.Equal(("me", OpenAI.Chat.ChatFinishReason.Stop), (answer.Content.Single().Text, answer.FinishReason));
    }

    [Fact]
    public async Task A_streamed_chat_is_the_same_and_ends_with_usage()
    {
        var text = new StringBuilder();
        OpenAI.Chat.ChatFinishReason? reason = null;
        ChatTokenUsage? usage = null;
        int pieces = 0;
        await foreach (StreamingChatCompletionUpdate update in Parrot.CompleteChatStreamingAsync(new UserChatMessage("cat?")))
        {
            foreach (ChatMessageContentPart part in update.ContentUpdate)
                text.Append(part.Text);
            pieces += update.ContentUpdate.Count;
            reason ??= update.FinishReason;
            usage ??= update.Usage;
        }

        Assert.Equal(("meow", OpenAI.Chat.ChatFinishReason.Stop, 10), (text.ToString(), reason, usage?.TotalTokenCount));
        Assert.True(pieces > 3);
    }

    [Fact]
    public async Task Tools_are_called_streamed_or_not()
    {
        var options = new ChatCompletionOptions
        {
            Tools =
            {
                ChatTool.CreateFunctionTool("sky", "The sky", BinaryData.FromString(
                    """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""")),
            },
        };
        OpenAI.Chat.ChatCompletion answer = await Parrot.CompleteChatAsync([new UserChatMessage("Rome?")], options);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.ToolCalls, answer.FinishReason);
        ChatToolCall call = answer.ToolCalls.Single();
        Assert.Equal(("sky", """{"city":"Rome"}"""), (call.FunctionName, call.FunctionArguments.ToString()));
        answer = await Parrot.CompleteChatAsync(
            [new UserChatMessage("Rome?"), new AssistantChatMessage(answer), new ToolChatMessage(call.Id, "sun")], options);
        Assert.Equal("It has sun", answer.Content.Single().Text);

        string name = "", arguments = "", id = "";
        await foreach (StreamingChatCompletionUpdate update in Parrot.CompleteChatStreamingAsync([new UserChatMessage("Rome?")], options))
        {
            foreach (StreamingChatToolCallUpdate part in update.ToolCallUpdates)
            {
                (name, id) = (name + part.FunctionName, id + part.ToolCallId);
                arguments += part.FunctionArgumentsUpdate.ToMemory().Length > 0 ? part.FunctionArgumentsUpdate.ToString() : "";
            }

            Assert.DoesNotContain(update.ContentUpdate, part => part.Text?.Length > 0);
        }

        Assert.Equal(("sky", """{"city":"Rome"}""", 9), (name, arguments, id.Length));
        options.ToolChoice = ChatToolChoice.CreateRequiredChoice();
        answer = await Parrot.CompleteChatAsync([new UserChatMessage("cat?")], options);
        Assert.Equal("sky", answer.ToolCalls.Single().FunctionName);
    }

    [Fact]
    public async Task A_conversation_with_functions_goes_through_Microsoft_Extensions_AI()
    {
        IChatClient chat = Parrot.AsIChatClient();
        Assert.Equal("It has sun", await AskWithToolAsync(chat, false));
        Assert.Equal("It has sun", await AskWithToolAsync(chat, true));
    }

    [Fact]
    public async Task The_newer_form_of_responses_does_all_of_that_too()
    {
#pragma warning disable OPENAI001
        IChatClient plain = _server.Client().GetResponsesClient().AsIChatClient("parrot");
#pragma warning restore OPENAI001
        Extensions.AI.ChatResponse answer = await plain.GetResponseAsync("cat?");
        Assert.Equal(("meow", 10L), (answer.Text, answer.Usage?.TotalTokenCount));
        Assert.Equal("It has sun", await AskWithToolAsync(plain, false));
    }

    [Fact]
    public async Task A_streamed_response_is_a_sequence_of_named_events()
    {
        JsonElement[] text = await EventsAsync("""{"model":"parrot","input":"cat?","stream":true}""");
        string[] types = [.. text.Select(e => e.GetProperty("type").GetString()!)];
        Assert.Equal(
        [
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
            "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done",
            "response.completed",
        ], types.Distinct());
        Assert.Equal(Enumerable.Range(0, text.Length), text.Select(e => e.GetProperty("sequence_number").GetInt32()));
        Assert.Equal(
            "meow", string.Concat(text.Where(e => e.TryGetProperty("delta", out _)).Select(e => e.GetProperty("delta").GetString())));
        JsonElement whole = text[^1].GetProperty("response");
        Assert.Equal("meow", whole.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal(10, whole.GetProperty("usage").GetProperty("total_tokens").GetInt32());

        JsonElement[] call = await EventsAsync(
            """
            {"model":"parrot","input":[{"role":"user","content":[{"type":"input_text","text":"Rome?"}]}],"stream":true,
             "tools":[{"type":"function","name":"sky","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}
            """);
        JsonElement item = call[^1].GetProperty("response").GetProperty("output")[0];
        Assert.Equal(("function_call", "sky"), (item.GetProperty("type").GetString(), item.GetProperty("name").GetString()));
        Assert.Equal("""{"city":"Rome"}""", call.Single(e => e.GetProperty("type").GetString() == "response.function_call_arguments.done")
            .GetProperty("arguments").GetString());

        async Task<JsonElement[]> EventsAsync(string body)
        {
            string answer = await (await _server.PostAsync("/v1/responses", body)).Content.ReadAsStringAsync();
            return [.. answer.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(
                e => JsonDocument.Parse(e[(e.IndexOf("\ndata: ", StringComparison.Ordinal) + 7)..]).RootElement)];
        }
    }

    private static async Task<string> AskWithToolAsync(IChatClient chat, bool isStreamed)
    {
        AIFunction sky = AIFunctionFactory.Create(([Description("The city")] string city) => city == "Rome" ? "sun" : "fog", "sky");
        var options = new ChatOptions { Tools = [sky] };
        List<Extensions.AI.ChatMessage> messages = [new(ChatRole.User, "Rome?")];
        while (true)
        {
            ChatResponse answer = isStreamed
                ? await chat.GetStreamingResponseAsync(messages, options).ToChatResponseAsync()
                : await chat.GetResponseAsync(messages, options);
            FunctionCallContent[] calls = [.. answer.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>()];
            if (calls.Length == 0)
                return answer.Text;
            messages.AddRange(answer.Messages);
            foreach (FunctionCallContent call in calls)
            {
                object? result = await sky.InvokeAsync(new(call.Arguments));
                messages.Add(new(ChatRole.Tool, [new FunctionResultContent(call.CallId, result?.ToString())]));
            }
        }
    }

    [Fact]
    public async Task An_answer_in_a_schema_is_JSON()
    {
        var options = new ChatCompletionOptions
        {
            ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat(
                "number", BinaryData.FromString("""{"type":"object","properties":{"b":{"type":"integer"}},"required":["b"]}""")),
        };
        OpenAI.Chat.ChatCompletion answer = await Parrot.CompleteChatAsync([new UserChatMessage("cat?")], options);
        using JsonDocument json = JsonDocument.Parse(answer.Content.Single().Text);
        Assert.True(json.RootElement.GetProperty("b").TryGetInt32(out _));
    }

    [Fact]
    public async Task Probabilities_are_those_of_the_model()
    {
        var options = new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 3 };
        OpenAI.Chat.ChatCompletion answer = await Parrot.CompleteChatAsync([new UserChatMessage("cat?")], options);
        // The last is the token that ends the text.
        Assert.Equal(answer.Usage.OutputTokenCount, answer.ContentTokenLogProbabilities.Count);
        Assert.Equal("meow", string.Concat(answer.ContentTokenLogProbabilities.Take(4).Select(token => token.Token)));
        string text = "cat?|";
        foreach (ChatTokenLogProbabilityDetails token in answer.ContentTokenLogProbabilities.Take(4))
        {
            IReadOnlyList<TokenProbability> expected = models.Parrot.NextTokens(text, 3, new() { Temperature = 1 });
            Assert.Equal(Math.Log(expected[0].Probability), token.LogProbability, 1e-4);
            // The token that ends a text is none of its characters, and has a name of its own.
            Assert.Equal(
                expected.Select(e => e.Text.Length > 0 ? e.Text : "<|endoftext|>"), token.TopLogProbabilities.Select(t => t.Token));
            text += token.Token;
        }

        int streamed = 0;
        await foreach (StreamingChatCompletionUpdate update in Parrot.CompleteChatStreamingAsync([new UserChatMessage("cat?")], options))
            streamed += update.ContentTokenLogProbabilities.Count;
        Assert.Equal(answer.ContentTokenLogProbabilities.Count, streamed);
    }

    [Fact]
    public async Task Embeddings_are_the_model_s()
    {
        EmbeddingClient client = _server.Client().GetEmbeddingClient("parrot");
        OpenAIEmbeddingCollection embeddings = await client.GenerateEmbeddingsAsync(["cat?", "Rome?"]);
        GeneratedEmbeddings<Embedding<float>> expected = await models.Parrot.AsEmbeddingGenerator().GenerateAsync(["cat?", "Rome?"]);
        for (int i = 0; i < 2; i++)
            Assert.Equal(expected[i].Vector.ToArray(), embeddings[i].ToFloats().ToArray());
        Assert.Equal(9, embeddings.Usage.InputTokenCount);
        using JsonDocument json = JsonDocument.Parse(await (await _server.PostAsync(
            "/v1/embeddings", """{"model":"parrot","input":"cat?"}""")).Content.ReadAsStringAsync());
        Assert.Equal(
            expected[0].Vector.ToArray(),
            json.RootElement.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle()));
    }

    [Fact]
    public async Task Embeddings_of_an_encoder_are_the_encoder_s()
    {
        await using TestServer server = await (await TestServer.StartAsync(
            services => services.AddGenerativeModel("encoder", models.Encoder))).ReadyAsync();
        OpenAIEmbeddingCollection embeddings =
            await server.Client().GetEmbeddingClient("encoder").GenerateEmbeddingsAsync(["red cat", "blue dog"]);
        float[][] expected = models.Encoder.Embed(["red cat", "blue dog"]);
        for (int i = 0; i < 2; i++)
            Assert.Equal(expected[i], embeddings[i].ToFloats().ToArray());
        Assert.Equal(400, (await Assert.ThrowsAsync<ClientResultException>(
            () => server.Client().GetChatClient("encoder").CompleteChatAsync(new UserChatMessage("cat?")))).Status);
    }

    [Fact]
    public async Task Images_are_generated_for_the_name_of_a_class()
    {
        ImageClient client = _server.Client().GetImageClient("images");
        GeneratedImageCollection images = await client.GenerateImagesAsync("odd", 2);
        Assert.Equal(2, images.Count);
        byte[] png = images[0].ImageBytes.ToArray();
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
        // Width and height of the header, the most significant byte first.
        Assert.Equal([0, 0, 0, 8, 0, 0, 0, 8], png[16..24]);
        var error = await Assert.ThrowsAsync<ClientResultException>(() => client.GenerateImagesAsync("green", 1));
        Assert.Equal(400, error.Status);
        Assert.Contains("even", error.Message);
    }

    [Fact]
    public async Task A_part_of_an_image_is_generated_again_and_the_rest_is_kept()
    {
        ImageClient client = _server.Client().GetImageClient("images");
        byte[] image = TestImages.Png((x, y) => (byte)(8 * (8 * y + x) % 256));
        // The right half is transparent.
        byte[] mask = TestImages.Png((_, _) => 255, (x, _) => (byte)(x < 4 ? 255 : 0));
        GeneratedImageCollection edited = await client.GenerateImageEditsAsync(
            new MemoryStream(image), "image.png", "odd", new MemoryStream(mask), "mask.png", 2);
        Assert.Equal(2, edited.Count);
        byte[] before = TestImages.Gray(image);
        foreach (OpenAI.Images.GeneratedImage one in edited)
        {
            byte[] after = TestImages.Gray(one.ImageBytes.ToArray());
            Assert.All(Enumerable.Range(0, 64).Where(i => i % 8 < 4), i => Assert.Equal(before[i], after[i]));
            Assert.Contains(Enumerable.Range(0, 64).Where(i => i % 8 >= 4), i => before[i] != after[i]);
        }

        // Without a mask, the image's own transparent part is meant.
        edited = await client.GenerateImageEditsAsync(
            new MemoryStream(TestImages.Png((x, y) => before[8 * y + x], (_, y) => (byte)(y < 4 ? 255 : 0))), "image.png", "even", 1);
        Assert.Equal(before[..32], TestImages.Gray(edited[0].ImageBytes.ToArray())[..32]);

        var error = await Assert.ThrowsAsync<ClientResultException>(() => client.GenerateImageEditAsync(
            new MemoryStream(TestImages.Png((_, _) => 0, size: 9)), "image.png", "odd"));
        Assert.Equal(400, error.Status);
        Assert.Contains("9x9", error.Message);
        Assert.Contains("8x8", error.Message);
    }

    [Fact]
    public async Task Variations_of_an_image_are_as_far_from_it_as_asked()
    {
        byte[] image = TestImages.Png((x, y) => (byte)(x < 4 == y < 4 ? 255 : 0));
        byte[] before = TestImages.Gray(image);
        double[] distances = [.. await Task.WhenAll(((string[])["0", "1"]).Select(async strength =>
        {
            using var form = new MultipartFormDataContent
            {
                { new ByteArrayContent(image), "image", "image.png" },
                { new StringContent("images"), "model" },
                { new StringContent("odd"), "prompt" },
                { new StringContent(strength), "strength" },
                { new StringContent("7"), "seed" },
            };
            HttpResponseMessage response = await _server.Http.PostAsync("/v1/images/edits", form);
            using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            byte[] after = TestImages.Gray(json.RootElement.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64());
            return before.Zip(after).Average(pair => Math.Abs(pair.First - pair.Second));
        }))];
        Assert.Equal(0, distances[0]);
        Assert.True(distances[1] > 5);
    }

    [Fact]
    public async Task Forms_that_are_none_and_files_that_are_no_images_are_errors_of_the_caller()
    {
        await AssertRefusedAsync(new StringContent("{}", Encoding.UTF8, "application/json"), "form");
        await AssertRefusedAsync(new StringContent("--x\r\n", Encoding.UTF8, "multipart/form-data"), "form");
        await AssertRefusedAsync(Form(("model", "images")), "image");
        await AssertRefusedAsync(Form(("model", "images"), ("image", null)), "no image");
        await AssertRefusedAsync(Form(("model", "images"), ("image", "x"), ("n", "many")), "n is a text");
        await AssertRefusedAsync(Form(("model", "parrot"), ("image", "x")), "parrot");

        static MultipartFormDataContent Form(params (string Name, string? Value)[] fields)
        {
            var form = new MultipartFormDataContent();
            foreach ((string name, string? value) in fields)
            {
                if (name == "image")
                    form.Add(new ByteArrayContent([1, 2, 3]), name, "image.png");
                else
                    form.Add(new StringContent(value!), name);
            }

            return form;
        }

        async Task AssertRefusedAsync(HttpContent content, string word)
        {
            using HttpResponseMessage response = await _server.Http.PostAsync("/v1/images/edits", content);
            string text = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode == 400, text);
            using JsonDocument json = JsonDocument.Parse(text);
            Assert.Contains(word, json.RootElement.GetProperty("error").GetProperty("message").GetString());
        }
    }

    [Fact]
    public async Task Choices_are_streamed_at_a_time_and_are_those_of_an_answer_that_is_not_streamed()
    {
        const string Body = "\"model\":\"parrot\",\"n\":3,\"seed\":5,\"temperature\":2,\"max_tokens\":20";
        foreach ((string path, string prompt, string[] members) in new[]
        {
            ("/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"cat?\"}]", (string[])["message", "delta", "content"]),
            ("/v1/completions", "\"prompt\":\"cat?|\"", ["", "", "text"]),
        })
        {
            using JsonDocument whole = JsonDocument.Parse(
                await (await _server.PostAsync(path, $"{{{Body},{prompt}}}")).Content.ReadAsStringAsync());
            string[] expected = [.. whole.RootElement.GetProperty("choices").EnumerateArray().Select(
                choice => (members[0].Length > 0 ? choice.GetProperty(members[0]) : choice).GetProperty(members[2]).GetString()!)];
            Assert.Equal(3, expected.Distinct().Count());

            string stream = await (await _server.PostAsync(
                path, $"{{{Body},{prompt},\"stream\":true,\"stream_options\":{{\"include_usage\":true}}}}")).Content.ReadAsStringAsync();
            string[] events = stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("data: [DONE]", events[^1]);
            string[] texts = ["", "", ""];
            var ends = new HashSet<int>();
            JsonElement[] chunks = [.. events[..^1].Select(e => JsonDocument.Parse(e[6..]).RootElement)];
            foreach (JsonElement choice in chunks.SelectMany(chunk => chunk.GetProperty("choices").EnumerateArray()))
            {
                int index = choice.GetProperty("index").GetInt32();
                Assert.DoesNotContain(index, ends);
                JsonElement piece = members[1].Length > 0 ? choice.GetProperty(members[1]) : choice;
                if (piece.TryGetProperty(members[2], out JsonElement text))
                    texts[index] += text.GetString();
                if (choice.GetProperty("finish_reason").ValueKind == JsonValueKind.String)
                    ends.Add(index);
            }

            Assert.Equal(expected, texts);
            Assert.Equal(3, ends.Count);
            JsonElement usage = chunks[^1].GetProperty("usage");
            Assert.Equal(5, usage.GetProperty("prompt_tokens").GetInt32());
            Assert.Equal(whole.RootElement.GetProperty("usage").ToString(), usage.ToString());
        }
    }

    [Fact]
    public async Task Responses_have_the_probabilities_of_chats()
    {
        using JsonDocument chat = JsonDocument.Parse(await (await _server.PostAsync(
            "/v1/chat/completions",
            """{"model":"parrot","messages":[{"role":"user","content":"cat?"}],"logprobs":true,"top_logprobs":2}"""))
            .Content.ReadAsStringAsync());
        string expected = chat.RootElement.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content").ToString();
        using JsonDocument response = JsonDocument.Parse(await (await _server.PostAsync(
            "/v1/responses", """{"model":"parrot","input":"cat?","include":["message.output_text.logprobs"],"top_logprobs":2}"""))
            .Content.ReadAsStringAsync());
        Assert.Equal(
            expected,
            response.RootElement.GetProperty("output")[0].GetProperty("content")[0].GetProperty("logprobs").ToString());
    }

    [Fact]
    public async Task Errors_have_statuses_and_words()
    {
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(
            () => _server.Client().GetChatClient("other").CompleteChatAsync(new UserChatMessage("cat?")))).Status);
        var error = await Assert.ThrowsAsync<ClientResultException>(
            () => Parrot.CompleteChatAsync(new UserChatMessage(string.Concat(Enumerable.Repeat("cat?", 40)))));
        Assert.Equal(400, error.Status);
        Assert.Contains("context", error.Message);
        error = await Assert.ThrowsAsync<ClientResultException>(
            () => _server.Client().GetChatClient("images").CompleteChatAsync(new UserChatMessage("cat?")));
        Assert.Equal(400, error.Status);
        error = await Assert.ThrowsAsync<ClientResultException>(() => Parrot.CompleteChatAsync(
            [new UserChatMessage(ChatMessageContentPart.CreateImagePart(new Uri("https://example.org/a.png")))]));
        Assert.Equal(400, error.Status);
    }

    [Fact]
    public async Task A_caller_that_leaves_frees_its_place()
    {
        ChatClient client = _server.Client().GetChatClient("long");
        for (int i = 0; i < 40; i++)
        {
            using var cancelled = new CancellationTokenSource();
            var options = new ChatCompletionOptions { MaxOutputTokenCount = 3000 };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (StreamingChatCompletionUpdate _ in client.CompleteChatStreamingAsync(
                    [new UserChatMessage("cat?")], options, cancelled.Token))
                    await cancelled.CancelAsync();
            });
        }

        await Eventually.HoldsAsync(() => models.Long.Generator.Scheduler!.Load == (0, 0), "all places are free");
    }

    [Fact]
    public async Task A_thousand_callers_at_a_time_get_what_each_would_get_alone()
    {
        string[] expected = [.. Enumerable.Range(0, 20).Select(
            seed => models.Parrot.Generate("cat?|", new() { Temperature = 2, Seed = seed, MaxTokens = 8 + seed }))];
        string[] answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(async i =>
        {
            HttpResponseMessage response = await _server.PostAsync("/v1/completions", JsonSerializer.Serialize(new
            {
                model = "parrot",
                prompt = "cat?|",
                temperature = 2,
                seed = i % 20,
                max_tokens = 8 + i % 20,
            }));
            using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            return json.RootElement.GetProperty("choices")[0].GetProperty("text").GetString()!;
        }));
        for (int i = 0; i < answers.Length; i++)
            Assert.Equal(expected[i % 20], answers[i]);
    }
}
