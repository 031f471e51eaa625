using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/chat/completions.</summary>
internal static class ChatEndpoint
{
    public const int MostStops = 4;
    public const int MostTopScores = 20;
    public const int MostChoices = 8;

    private static readonly JsonSerializerOptions _compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    public static async Task Run(ServerRequest request)
    {
        JsonBody body = await request.ReadBodyAsync().ConfigureAwait(false);
        ServedModel model = request.FindModel(body);
        IReadOnlyList<ChatMessage> messages = ChatMessageReader.Messages(body);
        ChatOptions options = Options(body, request.Options);
        LanguageModelChatClient chat = model.ChatClient(Bias(body));
        int choices = body.Integer("n", 1, MostChoices) ?? 1;
        options.Seed ??= model.LanguageModel.Generator.Defaults.Seed;
        if (body.Bool("stream") == true)
        {
            using var stream = new ChatStream(request, model);
            UsageDetails[] usages = await Together.RunAsync(
                choices, (i, stop) => stream.SendAsync(i, chat.GetStreamingResponseAsync(messages, OfChoice(options, i), stop)),
                request.Cancellation).ConfigureAwait(false);
            UsageDetails sum = Sum(usages);
            request.Metrics.Answered(request, sum);
            await stream.EndAsync(body.Object("stream_options")?.Bool("include_usage") == true ? sum : null).ConfigureAwait(false);
            return;
        }

        ChatResponse[] answers = await Together.RunAsync(
            choices, (i, stop) => chat.GetResponseAsync(messages, OfChoice(options, i), stop), request.Cancellation).ConfigureAwait(false);
        request.Metrics.FirstToken(request);
        await request.WriteAsync(Whole(request, model, answers)).ConfigureAwait(false);
    }

    /// <summary>What is added to logits, by the ids of tokens.</summary>
    public static Dictionary<int, float>? Bias(JsonBody body)
    {
        if (body.Object("logit_bias") is not { } bias)
            return null;
        Dictionary<int, float> values = [];
        foreach (JsonProperty member in bias.Element.EnumerateObject())
        {
            if (!int.TryParse(member.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                throw body.Unsupported("logit_bias", "numbers by the ids of tokens");
            values[id] = (float)(bias.Number(member.Name, -100, 100) ?? 0);
        }

        return values.Count > 0 ? values : null;
    }

    public static JsonObject Usage(UsageDetails? usage) => new()
    {
        ["prompt_tokens"] = usage?.InputTokenCount ?? 0,
        ["completion_tokens"] = usage?.OutputTokenCount ?? 0,
        ["total_tokens"] = usage?.TotalTokenCount ?? 0,
    };

    /// <summary>Tokens of an answer at most; null: as many as there is room for.</summary>
    public static int? Limited(int? asked, GenerativeServerOptions options) =>
        asked is null ? options.MaxOutputTokens : Math.Min(asked.Value, options.MaxOutputTokens ?? int.MaxValue);

    private static ChatOptions Options(JsonBody body, GenerativeServerOptions server)
    {
        IReadOnlyList<JsonBody> tools = body.Objects("tools") ?? [];
        var options = new ChatOptions
        {
            ModelId = body.Text("model"),
            Temperature = (float?)body.Number("temperature", 0, 2),
            TopP = (float?)body.Number("top_p", 0, 1),
            FrequencyPenalty = (float?)body.Number("frequency_penalty", -2, 2),
            PresencePenalty = (float?)body.Number("presence_penalty", -2, 2),
            Seed = body.Long("seed"),
            MaxOutputTokens = Limited(body.Integer("max_completion_tokens", 1) ?? body.Integer("max_tokens", 1), server),
            StopSequences = [.. body.Texts("stop", MostStops)],
            ResponseFormat = ChatMessageReader.Format(body.Object("response_format"), format => format.RequiredObject("json_schema")),
            ToolMode = ChatMessageReader.ToolMode(body, choice => choice.RequiredObject("function")),
            AllowMultipleToolCalls = body.Bool("parallel_tool_calls"),
            Tools = tools.Count == 0 ? null : [.. tools.Select(tool => tool.RequiredText("type") == "function"
                ? ChatMessageReader.Tool(tool.RequiredObject("function")) : throw tool.Unsupported("type", "function"))],
        };
        int? top = body.Integer("top_logprobs", 0, MostTopScores);
        if (body.Bool("logprobs") == true)
            options.AdditionalProperties = new() { [LanguageModelChatClient.TopScores] = top ?? 0 };
        return options;
    }

    // The choices of a seed differ, and are the same each time.
    private static ChatOptions OfChoice(ChatOptions options, int choice)
    {
        if (choice == 0)
            return options;
        ChatOptions own = options.Clone();
        own.Seed = options.Seed + choice;
        return own;
    }

    /// <summary>The same for a text without a conversation.</summary>
    public static TextGenerationOptions OfChoice(TextGenerationOptions options, int choice)
    {
        if (choice == 0 || options.Seed is not { } seed)
            return options;
        TextGenerationOptions own = options.Copy();
        own.Seed = unchecked(seed + choice);
        return own;
    }

    // The prompt counts once.
    private static UsageDetails Sum(UsageDetails[] choices)
    {
        long? answers = choices.Sum(choice => choice.OutputTokenCount);
        return new UsageDetails
        {
            InputTokenCount = choices[0].InputTokenCount,
            OutputTokenCount = answers,
            TotalTokenCount = choices[0].InputTokenCount + answers,
        };
    }

    private static JsonObject Whole(ServerRequest request, ServedModel model, ChatResponse[] answers)
    {
        UsageDetails usage = Sum([.. answers.Select(answer => answer.Usage!)]);
        request.Metrics.Answered(request, usage);
        return new JsonObject
        {
            ["id"] = $"chatcmpl-{answers[0].ResponseId}",
            ["object"] = "chat.completion",
            ["created"] = answers[0].CreatedAt?.ToUnixTimeSeconds(),
            ["model"] = model.Name,
            ["choices"] = new JsonArray([.. answers.Select((answer, i) => new JsonObject
            {
                ["index"] = i,
                ["message"] = Message(answer.Messages.Single()),
                ["logprobs"] = Scores(answer.AdditionalProperties),
                ["finish_reason"] = answer.FinishReason?.Value,
            })]),
            ["usage"] = Usage(usage),
        };
    }

    private static JsonObject Message(ChatMessage message)
    {
        FunctionCallContent[] calls = [.. message.Contents.OfType<FunctionCallContent>()];
        var json = new JsonObject
        {
            ["role"] = "assistant",
            ["content"] = calls.Length > 0 && message.Text.Length == 0 ? null : message.Text,
            ["refusal"] = null,
        };
        if (calls.Length > 0)
            json["tool_calls"] = new JsonArray([.. calls.Select(call => Call(call, Arguments(call)))]);
        return json;
    }

    /// <summary>A call with some of its arguments.</summary>
    public static JsonObject Call(FunctionCallContent call, string arguments) => new()
    {
        ["id"] = call.CallId,
        ["type"] = "function",
        ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = arguments },
    };

    /// <summary>The arguments of a call as JSON.</summary>
    public static string Arguments(FunctionCallContent call) => JsonSerializer.Serialize(call.Arguments, _compact);

    /// <summary>How probable the tokens of a response or an update are, if that was asked for.</summary>
    public static JsonObject? Scores(AdditionalPropertiesDictionary? properties) =>
        ScoreList(properties) is { } scores ? new JsonObject { ["content"] = scores, ["refusal"] = null } : null;

    /// <summary>The same as a list.</summary>
    public static JsonArray? ScoreList(AdditionalPropertiesDictionary? properties) =>
        properties?.TryGetValue(LanguageModelChatClient.Scores, out IReadOnlyList<TokenScore>? scores) != true ? null
        : new JsonArray([.. scores!.Select(score =>
        {
            JsonObject json = Score(score);
            json["top_logprobs"] = new JsonArray([.. score.Top.Select(Score)]);
            return json;
        })]);

    private static JsonObject Score(TokenScore score) => new()
    {
        ["token"] = Encoding.UTF8.GetString(score.Bytes),
        ["logprob"] = score.LogProbability,
        ["bytes"] = new JsonArray([.. score.Bytes.Select(b => JsonValue.Create(b))]),
    };
}
