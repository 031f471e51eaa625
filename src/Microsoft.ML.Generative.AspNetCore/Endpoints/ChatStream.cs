using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>The chunks of a chat's answers, whose choices may come at a time.</summary>
internal sealed class ChatStream(ServerRequest request, ServedModel model) : IDisposable
{
    private readonly EventStream _stream = new(request);
    private readonly string _id = $"chatcmpl-{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Sends a choice as it comes.</summary>
    /// <returns>What it has used.</returns>
    public async Task<UsageDetails> SendAsync(int choice, IAsyncEnumerable<ChatResponseUpdate> updates)
    {
        bool isFirst = true;
        int calls = 0;
        var usage = new UsageDetails();
        ChatFinishReason? reason = null;
        JsonObject? scores = null;
        await foreach (ChatResponseUpdate update in updates.ConfigureAwait(false))
        {
            if (isFirst)
            {
                request.Metrics.FirstToken(request);
                await SendDeltaAsync(new JsonObject { ["role"] = "assistant", ["content"] = "" }).ConfigureAwait(false);
                isFirst = false;
            }

            reason ??= update.FinishReason;
            scores = ChatEndpoint.Scores(update.AdditionalProperties);
            foreach (AIContent content in update.Contents)
            {
                switch (content)
                {
                    case TextContent { Text.Length: > 0 } text:
                        await SendDeltaAsync(new JsonObject { ["content"] = text.Text }, scores).ConfigureAwait(false);
                        scores = null;
                        break;
                    case FunctionCallContent call:
                        await SendCallAsync(call, calls++).ConfigureAwait(false);
                        break;
                    case UsageContent used:
                        usage = used.Details;
                        break;
                }
            }
        }

        await SendDeltaAsync([], scores, reason?.Value).ConfigureAwait(false);
        return usage;

        // The name, and then the arguments.
        async Task SendCallAsync(FunctionCallContent call, int index)
        {
            JsonObject begin = ChatEndpoint.Call(call, "");
            begin["index"] = index;
            await SendDeltaAsync(new JsonObject { ["tool_calls"] = new JsonArray(begin) }).ConfigureAwait(false);
            var arguments = new JsonObject
            {
                ["index"] = index,
                ["function"] = new JsonObject { ["arguments"] = ChatEndpoint.Arguments(call) },
            };
            await SendDeltaAsync(new JsonObject { ["tool_calls"] = new JsonArray(arguments) }).ConfigureAwait(false);
        }

        Task SendDeltaAsync(JsonObject delta, JsonObject? own = null, string? finish = null) => _stream.SendAsync(Chunk(new JsonObject
        {
            ["index"] = choice,
            ["delta"] = delta,
            ["logprobs"] = own,
            ["finish_reason"] = finish,
        }));
    }

    /// <summary>Ends the stream when all choices have.</summary>
    /// <param name="usage">What is said to have been used; null: nothing is said.</param>
    public async Task EndAsync(UsageDetails? usage)
    {
        if (usage is not null)
        {
            JsonObject last = Chunk(null);
            last["usage"] = ChatEndpoint.Usage(usage);
            await _stream.SendAsync(last).ConfigureAwait(false);
        }

        await _stream.SendDoneAsync().ConfigureAwait(false);
    }

    public void Dispose() => _stream.Dispose();

    private JsonObject Chunk(JsonObject? choice) => new()
    {
        ["id"] = _id,
        ["object"] = "chat.completion.chunk",
        ["created"] = _created,
        ["model"] = model.Name,
        ["choices"] = choice is null ? new JsonArray() : new JsonArray(choice),
    };
}
