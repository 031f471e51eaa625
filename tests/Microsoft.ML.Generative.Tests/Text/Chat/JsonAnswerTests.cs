using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>JSON through the front doors, of a model that knows nothing.</summary>
public sealed class JsonAnswerTests : IClassFixture<JsonAnswerTests.Beginner>
{
    private readonly LanguageModelTransformer _model;

    public JsonAnswerTests(Beginner beginner) => _model = beginner.Model;

    [Fact]
    public async Task A_chat_answers_with_what_its_format_says()
    {
        using IChatClient chat = _model.AsChatClient();
        var options = new ChatOptions { ResponseFormat = ChatResponseFormat.Json, MaxOutputTokens = 30 };
        for (options.Seed = 0; options.Seed < 20; options.Seed++)
        {
            ChatResponse response = await chat.GetResponseAsync("the cat?", options);
            Assert.Equal(JsonValueKind.Object, JsonTexts.Parse(response.Text).ValueKind);
            Assert.Equal(response.Text, (await chat.GetStreamingResponseAsync("the cat?", options).ToChatResponseAsync()).Text);
        }

        options.ResponseFormat = ChatResponseFormat.ForJsonSchema<Pet>();
        Assert.NotNull(
            JsonSerializer.Deserialize<Pet>((await chat.GetResponseAsync("the cat?", options)).Text, AIJsonUtilities.DefaultOptions)!.Name);
        options.ResponseFormat = ChatResponseFormat.Text;
        Assert.False(JsonTexts.CanParse(System.Text.Encoding.UTF8.GetBytes((await chat.GetResponseAsync("the cat?", options)).Text)));
    }

    [Fact]
    public void A_model_s_own_format_holds_for_rows_and_in_its_file()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = TinyText.Data(ml);
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "model.zip");
        ml.Model.Save(_model, data.Schema, path);
        using var loaded = (LanguageModelTransformer)ml.Model.Load(path, out _);
        string[] expected = Completions(_model);
        Assert.All(expected, text => Assert.NotEmpty(JsonTexts.Parse(text).GetProperty("a").GetString()!));
        Assert.Equal(expected, Completions(loaded));

        string[] Completions(LanguageModelTransformer model) => [.. model.Transform(data).GetColumn<string>("Completion")];
    }

    /// <summary>A model that was shown next to nothing.</summary>
    public sealed class Beginner : IDisposable
    {
        public Beginner()
        {
            MLContext ml = new(seed: 1);
            LanguageModelOptions options = TinyText.Options();
            options.Architecture = options.Architecture with { ContextLength = 64 };
            (options.VocabularySize, options.MaxSteps) = (270, 1);
            options.Generation = new()
            {
                MaxTokens = 20,
                ResponseFormat = JsonTexts.Schema(
                """{"type":"object","properties":{"a":{"type":"string","minLength":1}},"required":["a"]}""")
            };
            Model = ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
        }

        internal LanguageModelTransformer Model { get; }

        public void Dispose() => Model.Dispose();
    }

    private sealed record Pet(string Name);
}
