using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/responses: conversations in OpenAI's newer form; nothing is stored.</summary>
internal static class ResponseEndpoint
{
    private const string Scores = "message.output_text.logprobs";

    public static async Task Run(ServerRequest request)
    {
        JsonBody body = await request.ReadBodyAsync().ConfigureAwait(false);
        ServedModel model = request.FindModel(body);
        if (body.Find("previous_response_id") is not null)
            throw body.Unsupported("previous_response_id", "null: the server stores nothing, so that all messages have to be sent");
        if (body.Find("conversation") is not null)
            throw body.Unsupported("conversation", "null: the server stores nothing, so that all messages have to be sent");
        if (body.Bool("background") == true)
            throw body.Unsupported("background", "false");
        IReadOnlyList<ChatMessage> messages = Messages(body);
        ChatOptions options = Options(body, request.Options);
        LanguageModelChatClient chat = model.ChatClient(null);
        var answer = new ResponseAnswer(model.Name, body);
        if (body.Bool("stream") == true)
        {
            await StreamAsync(request, chat.GetStreamingResponseAsync(messages, options, request.Cancellation), answer)
                .ConfigureAwait(false);
            return;
        }

        ChatResponse response = await chat.GetResponseAsync(messages, options, request.Cancellation).ConfigureAwait(false);
        request.Metrics.FirstToken(request);
        request.Metrics.Answered(request, response.Usage);
        answer.Text.Append(response.Text);
        answer.AddScores(response.AdditionalProperties);
        answer.Calls.AddRange(response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        (answer.Usage, answer.Reason) = (response.Usage, response.FinishReason);
        await request.WriteAsync(answer.Whole()).ConfigureAwait(false);
    }

    private static List<ChatMessage> Messages(JsonBody body)
    {
        if (body.Find("input") is not { } input)
            throw body.Missing("input");
        if (input.ValueKind == JsonValueKind.String)
            return [new ChatMessage(ChatRole.User, body.Text("input"))];
        List<ChatMessage> messages = [];
        foreach (JsonBody item in body.Objects("input")!)
        {
            switch (item.Text("type"))
            {
                case null or "message":
                    string text = ChatMessageReader.Content(item, "content", "input_text", "output_text", "text");
                    messages.Add(new ChatMessage(item.RequiredText("role") switch
                    {
                        "system" or "developer" => ChatRole.System,
                        "user" => ChatRole.User,
                        "assistant" => ChatRole.Assistant,
                        _ => throw item.Unsupported("role", "system, developer, user or assistant"),
                    }, text));
                    break;
                case "function_call":
                    FunctionCallContent call = ChatMessageReader.Call(item, item.RequiredText("call_id"));
                    // Calls of one turn are items of their own here.
                    if (messages is [.., { } last] && last.Role == ChatRole.Assistant)
                        last.Contents.Add(call);
                    else
                        messages.Add(new ChatMessage(ChatRole.Assistant, [call]));
                    break;
                case "function_call_output":
                    messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(
                        item.RequiredText("call_id"), ChatMessageReader.Content(item, "output", "input_text", "output_text", "text"))]));
                    break;
                case "reasoning" or "item_reference":
                    break;
                default:
                    throw item.Unsupported("type", "message, function_call or function_call_output");
            }
        }

        return messages.Count > 0 ? messages : throw new OpenAIException(400, "input is empty; expected at least one message.", "input");
    }

    private static ChatOptions Options(JsonBody body, GenerativeServerOptions server)
    {
        IReadOnlyList<JsonBody> tools = body.Objects("tools") ?? [];
        var options = new ChatOptions
        {
            ModelId = body.Text("model"),
            Instructions = body.Text("instructions"),
            Temperature = (float?)body.Number("temperature", 0, 2),
            TopP = (float?)body.Number("top_p", 0, 1),
            MaxOutputTokens = ChatEndpoint.Limited(body.Integer("max_output_tokens", 1), server),
            ResponseFormat = ChatMessageReader.Format(body.Object("text")?.Object("format"), format => format),
            ToolMode = ChatMessageReader.ToolMode(body, choice => choice),
            AllowMultipleToolCalls = body.Bool("parallel_tool_calls"),
            Tools = tools.Count == 0 ? null : [.. tools.Select(tool => tool.RequiredText("type") == "function"
                ? ChatMessageReader.Tool(tool) : throw tool.Unsupported("type", "function"))],
        };
        int? top = body.Integer("top_logprobs", 0, ChatEndpoint.MostTopScores);
        IReadOnlyList<JsonElement> included = body.Items("include") ?? [];
        if (top is not null || included.Any(item => item.ValueKind == JsonValueKind.String && item.ValueEquals(Scores)))
            options.AdditionalProperties = new() { [LanguageModelChatClient.TopScores] = top ?? 0 };
        return options;
    }

    private static async Task StreamAsync(ServerRequest request, IAsyncEnumerable<ChatResponseUpdate> updates, ResponseAnswer answer)
    {
        using var stream = new EventStream(request);
        int number = 0;
        bool isFirst = true;
        await foreach (ChatResponseUpdate update in updates.ConfigureAwait(false))
        {
            if (isFirst)
            {
                request.Metrics.FirstToken(request);
                await SendAsync("response.created", new() { ["response"] = answer.Begun() }).ConfigureAwait(false);
                await SendAsync("response.in_progress", new() { ["response"] = answer.Begun() }).ConfigureAwait(false);
                isFirst = false;
            }

            JsonArray scores = answer.AddScores(update.AdditionalProperties);
            foreach (AIContent content in update.Contents)
            {
                switch (content)
                {
                    case TextContent { Text.Length: > 0 } text:
                        await SendTextAsync(text.Text, scores).ConfigureAwait(false);
                        break;
                    case FunctionCallContent call:
                        answer.Calls.Add(call);
                        break;
                    case UsageContent used:
                        answer.Usage = used.Details;
                        break;
                }
            }

            answer.Reason ??= update.FinishReason;
        }

        request.Metrics.Answered(request, answer.Usage);
        await EndAsync().ConfigureAwait(false);

        async Task SendTextAsync(string text, JsonArray scores)
        {
            if (answer.Text.Length == 0)
            {
                await SendAsync("response.output_item.added", new()
                {
                    ["output_index"] = 0,
                    ["item"] = answer.Message("in_progress", null),
                }).ConfigureAwait(false);
                await SendAsync("response.content_part.added", Part(ResponseAnswer.TextPart("", []))).ConfigureAwait(false);
            }

            answer.Text.Append(text);
            JsonObject delta = Place();
            (delta["delta"], delta["logprobs"]) = (text, scores);
            await SendAsync("response.output_text.delta", delta).ConfigureAwait(false);
        }

        async Task EndAsync()
        {
            if (answer.Text.Length > 0)
            {
                string text = answer.Text.ToString();
                JsonObject done = Place();
                (done["text"], done["logprobs"]) = (text, answer.Scores.DeepClone());
                await SendAsync("response.output_text.done", done).ConfigureAwait(false);
                JsonObject part = ResponseAnswer.TextPart(text, (JsonArray)answer.Scores.DeepClone());
                await SendAsync("response.content_part.done", Part(part)).ConfigureAwait(false);
                await SendAsync("response.output_item.done", new()
                {
                    ["output_index"] = 0,
                    ["item"] = answer.Message("completed", text),
                }).ConfigureAwait(false);
            }

            for (int i = 0; i < answer.Calls.Count; i++)
            {
                int index = i + (answer.Text.Length > 0 ? 1 : 0);
                JsonObject whole = answer.Call(i), begun = answer.Call(i);
                (begun["arguments"], begun["status"]) = ("", "in_progress");
                string id = whole["id"]!.GetValue<string>(), arguments = whole["arguments"]!.GetValue<string>();
                await SendAsync("response.output_item.added", new() { ["output_index"] = index, ["item"] = begun }).ConfigureAwait(false);
                await SendAsync("response.function_call_arguments.delta", new()
                {
                    ["item_id"] = id,
                    ["output_index"] = index,
                    ["delta"] = arguments,
                }).ConfigureAwait(false);
                await SendAsync("response.function_call_arguments.done", new()
                {
                    ["item_id"] = id,
                    ["output_index"] = index,
                    ["arguments"] = arguments,
                }).ConfigureAwait(false);
                await SendAsync("response.output_item.done", new() { ["output_index"] = index, ["item"] = whole }).ConfigureAwait(false);
            }

            await SendAsync(answer.IsWhole ? "response.completed" : "response.incomplete", new() { ["response"] = answer.Whole() })
                .ConfigureAwait(false);
        }

        JsonObject Place() => new() { ["item_id"] = answer.MessageId, ["output_index"] = 0, ["content_index"] = 0 };

        JsonObject Part(JsonObject part)
        {
            JsonObject place = Place();
            place["part"] = part;
            return place;
        }

        Task SendAsync(string type, JsonObject data)
        {
            data.Insert(0, "type", type);
            data["sequence_number"] = number++;
            return stream.SendAsync(data, type);
        }
    }
}
