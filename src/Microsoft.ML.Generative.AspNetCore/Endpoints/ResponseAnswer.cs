using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>The answer of <see cref="ResponseEndpoint"/> as an object.</summary>
internal sealed class ResponseAnswer(string model, JsonBody request)
{
    private readonly string _id = $"resp_{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public string MessageId { get; } = $"msg_{Guid.NewGuid():N}";

    public StringBuilder Text { get; } = new();

    /// <summary>How probable the text's tokens are, if that was asked for.</summary>
    public JsonArray Scores { get; } = [];

    public List<FunctionCallContent> Calls { get; } = [];

    public UsageDetails? Usage { get; set; }

    public ChatFinishReason? Reason { get; set; }

    /// <summary>Whether the answer ended by itself.</summary>
    public bool IsWhole => Reason != ChatFinishReason.Length;

    public JsonObject Begun() => Frame("in_progress", []);

    public JsonObject Whole()
    {
        JsonArray output = [];
        if (Text.Length > 0 || Calls.Count == 0)
            output.Add(Message(IsWhole ? "completed" : "incomplete", Text.ToString()));
        for (int i = 0; i < Calls.Count; i++)
            output.Add(Call(i));
        JsonObject whole = Frame(IsWhole ? "completed" : "incomplete", output);
        if (!IsWhole)
            whole["incomplete_details"] = new JsonObject { ["reason"] = "max_output_tokens" };
        whole["usage"] = new JsonObject
        {
            ["input_tokens"] = Usage?.InputTokenCount ?? 0,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = 0 },
            ["output_tokens"] = Usage?.OutputTokenCount ?? 0,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
            ["total_tokens"] = Usage?.TotalTokenCount ?? 0,
        };
        return whole;
    }

    public JsonObject Message(string status, string? text) => new()
    {
        ["type"] = "message",
        ["id"] = MessageId,
        ["status"] = status,
        ["role"] = "assistant",
        ["content"] = text is null ? new JsonArray() : new JsonArray(TextPart(text, (JsonArray)Scores.DeepClone())),
    };

    public JsonObject Call(int index) => new()
    {
        ["type"] = "function_call",
        ["id"] = $"fc_{Calls[index].CallId}",
        ["call_id"] = Calls[index].CallId,
        ["name"] = Calls[index].Name,
        ["arguments"] = ChatEndpoint.Arguments(Calls[index]),
        ["status"] = "completed",
    };

    public static JsonObject TextPart(string text, JsonArray scores) => new()
    {
        ["type"] = "output_text",
        ["text"] = text,
        ["annotations"] = new JsonArray(),
        ["logprobs"] = scores,
    };

    /// <summary>Adds the probabilities of a response or an update, and returns them.</summary>
    public JsonArray AddScores(AdditionalPropertiesDictionary? properties)
    {
        JsonArray scores = ChatEndpoint.ScoreList(properties) ?? [];
        foreach (JsonNode? score in scores)
            Scores.Add(score!.DeepClone());
        return scores;
    }

    private JsonObject Frame(string status, JsonArray output) => new()
    {
        ["id"] = _id,
        ["object"] = "response",
        ["created_at"] = _created,
        ["status"] = status,
        ["error"] = null,
        ["incomplete_details"] = null,
        ["instructions"] = request.Text("instructions"),
        ["max_output_tokens"] = request.Integer("max_output_tokens", 1),
        ["model"] = model,
        ["output"] = output,
        ["parallel_tool_calls"] = request.Bool("parallel_tool_calls") ?? true,
        ["previous_response_id"] = null,
        ["store"] = false,
        ["temperature"] = request.Number("temperature", 0, 2),
        ["text"] = Copy("text") ?? new JsonObject { ["format"] = new JsonObject { ["type"] = "text" } },
        ["tool_choice"] = Copy("tool_choice") ?? "auto",
        ["tools"] = Copy("tools") ?? new JsonArray(),
        ["top_p"] = request.Number("top_p", 0, 1),
        ["truncation"] = "disabled",
        ["usage"] = null,
        ["metadata"] = Copy("metadata") ?? new JsonObject(),
    };

    private JsonNode? Copy(string name) => request.Find(name) is { } value ? JsonNode.Parse(value.GetRawText()) : null;
}
