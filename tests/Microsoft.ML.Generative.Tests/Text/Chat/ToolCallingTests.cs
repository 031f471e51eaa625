using System.ComponentModel;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Tests;

public sealed class ToolCallingTests : IClassFixture<ToolCallingTests.Caller>
{
    private const string Call = """<tool_call>{"name": "sky", "arguments": {"city": "Rome"}}</tool_call>""";

    private static readonly AIFunction _sky = AIFunctionFactory.Create(
        ([Description("The city")] string city) => city == "Rome" ? "sun" : "fog", "sky");

    private static readonly AIFunction _sum = AIFunctionFactory.Create((int a, int b) => a + b, "sum");

    private readonly IChatClient _chat;

    public ToolCallingTests(Caller caller) => _chat = caller.Model.AsChatClient(Caller.Template, new() { MaxTokens = 80, Temperature = 0 });

    [Fact]
    public async Task A_model_calls_a_tool_and_answers_with_its_result()
    {
        var options = new ChatOptions { Tools = [_sky] };
        ChatResponse response = await _chat.GetResponseAsync("Rome?", options);
        var call = Assert.IsType<FunctionCallContent>(Assert.Single(response.Messages.Single().Contents));
        Assert.Equal(("sky", "Rome"), (call.Name, call.Arguments!["city"]!.ToString()));
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Equal(Call.Length + 1, response.Usage!.OutputTokenCount);

        object? result = await _sky.InvokeAsync(new(call.Arguments));
        ChatResponse answer = await _chat.GetResponseAsync(
        [
            new(ChatRole.User, "Rome?"), .. response.Messages, new(ChatRole.Tool, [new FunctionResultContent(call.CallId, result)]),
        ], options);
        Assert.Equal(("It has sun", ChatFinishReason.Stop), (answer.Text, answer.FinishReason));
    }

    [Fact]
    public async Task A_streamed_call_is_the_same_and_none_of_its_markup_is_text()
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in _chat.GetStreamingResponseAsync("Rome?", new() { Tools = [_sky] }))
            updates.Add(update);
        ChatResponse response = updates.ToChatResponse();
        var call = Assert.IsType<FunctionCallContent>(Assert.Single(response.Messages.Single().Contents));
        Assert.Equal(("sky", "Rome"), (call.Name, call.Arguments!["city"]!.ToString()));
        Assert.Equal((ChatFinishReason.ToolCalls, ""), (response.FinishReason, response.Text));
        Assert.Single(updates.Select(update => update.MessageId).Distinct());
    }

    [Fact]
    public async Task A_required_call_is_one_whatever_the_model_would_say()
    {
        foreach (int seed in Enumerable.Range(0, 5))
        {
            var options = new ChatOptions { Tools = [_sky, _sum], ToolMode = ChatToolMode.RequireAny, Seed = seed, Temperature = 5 };
            FunctionCallContent any = await One(options);
            Assert.Contains(any.Name, (string[])["sky", "sum"]);
            options.ToolMode = ChatToolMode.RequireSpecific("sum");
            FunctionCallContent sum = await One(options);
            Assert.Equal("sum", sum.Name);
            Assert.Equal(["a", "b"], sum.Arguments!.Keys);
            Assert.All(sum.Arguments.Values, value => ((JsonElement)value!).GetInt32());
        }

        async Task<FunctionCallContent> One(ChatOptions options) => Assert.IsType<FunctionCallContent>(
            Assert.Single((await _chat.GetResponseAsync("Rome?", options)).Messages.Single().Contents));
    }

    [Fact]
    public async Task A_cut_call_is_text_that_ended_for_its_length()
    {
        ChatResponse response = await _chat.GetResponseAsync("Rome?", new() { Tools = [_sky], MaxOutputTokens = 20 });
        Assert.Equal((Call[..20], ChatFinishReason.Length), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Tools_and_a_JSON_answer_exclude_each_other()
    {
        var error = await Assert.ThrowsAsync<NotSupportedException>(() =>
            _chat.GetResponseAsync("Rome?", new() { Tools = [_sky], ResponseFormat = ChatResponseFormat.Json }));
        Assert.Contains("ResponseFormat", error.Message);
    }

    /// <summary>A model that has learned by heart to call a tool and to repeat its result.</summary>
    public sealed class Caller : IDisposable
    {
        private const string Source =
            "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}{% for m in messages %}{{ m.content }}"
            + "{% for c in m.tool_calls or [] %}<tool_call>{{ {'name': c.function.name, 'arguments': c.function.arguments}|tojson }}"
            + "</tool_call>{% endfor %}{{ '|' if m.role != 'assistant' }}{% endfor %}";

        public Caller()
        {
            MLContext ml = new(seed: 1);
            LanguageModelOptions options = TinyText.Options();
            (options.PromptColumnName, options.InputColumnName) = (nameof(Turn.Question), nameof(Turn.Answer));
            options.Architecture = options.Architecture with { ContextLength = 128, EmbeddingSize = 32 };
            (options.Epochs, options.LearningRate, options.BatchSize) = (150, 5e-3, 3);
            Model = ml.Transforms.Generative().LanguageModel(options).Fit(ml.Data.LoadFromEnumerable(
            [
                new Turn { Question = "sky Rome?|", Answer = Call },
                new Turn { Question = $"sky Rome?|{Call}sun|", Answer = "It has sun" },
                new Turn { Question = "sky sum Rome?|", Answer = "[b]0123456789-" },
            ]));
        }

        internal static ChatTemplate Template { get; } = ChatTemplate.FromJinja(Source);

        internal LanguageModelTransformer Model { get; }

        public void Dispose() => Model.Dispose();

        private sealed class Turn
        {
            public string Question { get; set; } = "";

            public string Answer { get; set; } = "";
        }
    }
}
