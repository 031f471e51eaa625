using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Tests;

namespace Module10.Tests;

[Collection(CapstoneCollection.Name)]
public sealed class OpenAITests(CapstoneServer server) : IDisposable
{
    private readonly Visitor _visitor = new(server.Address);

    [Fact]
    public async Task The_models_of_the_rooms_answer_as_openai_s_do()
    {
        await Eventually.HoldsAsync(
            async () => (await _visitor.Http.GetAsync("/health/ready")).IsSuccessStatusCode, "all models are loaded");
        JsonNode models = JsonNode.Parse(await _visitor.Http.GetStringAsync("/v1/models"))!;
        Assert.Equal(["art", "chat", "music", "writer"], models["data"]!.AsArray().Select(model => (string)model!["id"]!).Order());

        JsonNode answer = await PostAsync("/v1/chat/completions", new
        {
            model = "chat",
            max_tokens = 4,
            messages = new[] { new { role = "user", content = "hello" } },
        });
        Assert.Equal("assistant", (string)answer["choices"]![0]!["message"]!["role"]!);
        JsonNode text = await PostAsync("/v1/completions", new { model = "writer", prompt = "Once", max_tokens = 4 });
        Assert.Equal("text_completion", (string)text["object"]!);
        JsonNode image = await PostAsync(
            "/v1/images/generations", new { model = "art", prompt = "red star", response_format = "b64_json" });
        Assert.NotEmpty((string)image["data"]![0]!["b64_json"]!);
    }

    public void Dispose() => _visitor.Dispose();

    private async Task<JsonNode> PostAsync(string path, object body)
    {
        using HttpResponseMessage response = await _visitor.Http.PostAsync(path, System.Net.Http.Json.JsonContent.Create(body));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }
}
