using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/completions: texts without the form of a conversation.</summary>
internal static class CompletionEndpoint
{
    private const int MostPrompts = 64;
    private const int MostTop = 5;
    private const int DefaultMaxTokens = 16;

    public static async Task Run(ServerRequest request)
    {
        JsonBody body = await request.ReadBodyAsync().ConfigureAwait(false);
        ServedModel model = request.FindModel(body);
        IReadOnlyList<string> prompts = body.Find("prompt") is null ? [""] : body.Texts("prompt", MostPrompts);
        if (prompts.Count == 0)
            throw new OpenAIException(400, "prompt is empty; expected at least one text.", "prompt");
        int choices = body.Integer("n", 1, ChatEndpoint.MostChoices) ?? 1;
        if (prompts.Count * choices > MostPrompts)
            throw body.Unsupported("n", $"at most {MostPrompts} texts, of all prompts together");
        if (body.Integer("best_of", 1) is { } best && best != choices)
            throw body.Unsupported("best_of", "n");
        ITextCompletion completion = model.Completion;
        int[][] ids = await Task.Run(() => prompts.Select(completion.Encode).ToArray(), request.Cancellation).ConfigureAwait(false);
        TextGenerationOptions options = Options(body, model, request.Options);
        int? top = body.Integer("logprobs", 0, MostTop);
        // Beam search samples nothing, and has no probabilities of single tokens.
        if (top is not null || body.Find("temperature") is not null || body.Find("top_p") is not null)
            (options.Beams, options.LengthPenalty) = (1, 1);
        bool echoes = body.Bool("echo") == true;
        Text[] texts = [.. ids.SelectMany((prompt, i) => Enumerable.Range(0, choices).Select(
            choice => new Text(completion, prompts[i], prompt, choice, top is { } n ? new TokenScores(n) : null)))];
        if (body.Bool("stream") == true)
        {
            await StreamAsync(request, model, texts, options, echoes, body.Object("stream_options")?.Bool("include_usage") == true)
                .ConfigureAwait(false);
            return;
        }

        await Together.RunAsync(texts.Length, async (i, stop) =>
        {
            await foreach (string piece in texts[i].Start(options, stop).ConfigureAwait(false))
                texts[i].Written.Append(piece);
            return texts[i];
        }, request.Cancellation).ConfigureAwait(false);
        request.Metrics.FirstToken(request);
        UsageDetails usage = Usage(texts);
        request.Metrics.Answered(request, usage);
        JsonObject answer = Frame(NewId(), model);
        answer["choices"] = new JsonArray([.. texts.Select((text, i) => Choice(
            i, (echoes ? text.Prompt : "") + text.Written, text.Scores, text.Reason))]);
        answer["usage"] = ChatEndpoint.Usage(usage);
        await request.WriteAsync(answer).ConfigureAwait(false);
    }

    private static async Task StreamAsync(
        ServerRequest request, ServedModel model, Text[] texts, TextGenerationOptions options, bool echoes, bool includesUsage)
    {
        using var stream = new EventStream(request);
        string id = NewId();
        await Together.RunAsync(texts.Length, SendTextAsync, request.Cancellation).ConfigureAwait(false);
        UsageDetails usage = Usage(texts);
        request.Metrics.Answered(request, usage);
        if (includesUsage)
        {
            JsonObject last = Frame(id, model);
            last["choices"] = new JsonArray();
            last["usage"] = ChatEndpoint.Usage(usage);
            await stream.SendAsync(last).ConfigureAwait(false);
        }

        await stream.SendDoneAsync().ConfigureAwait(false);

        async Task<Text> SendTextAsync(int i, CancellationToken stop)
        {
            Text text = texts[i];
            bool isFirst = true;
            await foreach (string piece in text.Start(options, stop).ConfigureAwait(false))
            {
                request.Metrics.FirstToken(request);
                await SendAsync(Choice(i, (isFirst && echoes ? text.Prompt : "") + piece, text.Scores, null)).ConfigureAwait(false);
                isFirst = false;
            }

            await SendAsync(Choice(i, isFirst && echoes ? text.Prompt : "", text.Scores, text.Reason)).ConfigureAwait(false);
            return text;
        }

        Task SendAsync(JsonObject choice)
        {
            JsonObject frame = Frame(id, model);
            frame["choices"] = new JsonArray(choice);
            return stream.SendAsync(frame);
        }
    }

    private static TextGenerationOptions Options(JsonBody body, ServedModel model, GenerativeServerOptions server)
    {
        TextGenerationOptions options = model.NewOptions(ChatEndpoint.Bias(body));
        options.MaxTokens = ChatEndpoint.Limited(body.Integer("max_tokens", 1) ?? DefaultMaxTokens, server)!.Value;
        options.Temperature = body.Number("temperature", 0, 2) ?? options.Temperature;
        options.TopP = body.Number("top_p", 0, 1) ?? options.TopP;
        options.FrequencyPenalty = body.Number("frequency_penalty", -2, 2) ?? options.FrequencyPenalty;
        options.PresencePenalty = body.Number("presence_penalty", -2, 2) ?? options.PresencePenalty;
        options.StopStrings = [.. options.StopStrings, .. body.Texts("stop", ChatEndpoint.MostStops)];
        if (body.Long("seed") is { } seed)
            options.Seed = (int)(seed ^ seed >> 32);
        return options;
    }

    private static JsonObject Frame(string id, ServedModel model) => new()
    {
        ["id"] = id,
        ["object"] = "text_completion",
        ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
        ["model"] = model.Name,
    };

    private static JsonObject Choice(int index, string text, TokenScores? scores, string? reason) => new()
    {
        ["index"] = index,
        ["text"] = text,
        ["logprobs"] = scores is null ? null : Scores(scores.Drain()),
        ["finish_reason"] = reason,
    };

    private static JsonObject Scores(IReadOnlyList<TokenScore> scores)
    {
        int offset = 0;
        var offsets = new JsonArray();
        foreach (TokenScore score in scores)
        {
            offsets.Add(offset);
            offset += Name(score).Length;
        }

        return new JsonObject
        {
            ["tokens"] = new JsonArray([.. scores.Select(score => JsonValue.Create(Name(score)))]),
            ["token_logprobs"] = new JsonArray([.. scores.Select(score => JsonValue.Create(score.LogProbability))]),
            ["top_logprobs"] = new JsonArray([.. scores.Select(score =>
            {
                var top = new JsonObject();
                foreach (TokenScore other in score.Top)
                    top[Name(other)] = other.LogProbability;
                return top;
            })]),
            ["text_offset"] = offsets,
        };
    }

    private static string Name(TokenScore score) => Encoding.UTF8.GetString(score.Bytes);

    // A prompt counts once, however many texts continue it.
    private static UsageDetails Usage(Text[] texts)
    {
        long prompts = texts.Where(text => text.Number == 0).Sum(text => text.Ids.Length), answers = texts.Sum(text => text.Tokens);
        return new UsageDetails { InputTokenCount = prompts, OutputTokenCount = answers, TotalTokenCount = prompts + answers };
    }

    private static string NewId() => $"cmpl-{Guid.NewGuid():N}";

    /// <summary>A text in the making.</summary>
    private sealed class Text(ITextCompletion completion, string prompt, int[] ids, int number, TokenScores? scores)
    {
        private GeneratedText? _whole;

        public string Prompt => prompt;

        public int[] Ids => ids;

        /// <summary>Which of the texts of the prompt it is.</summary>
        public int Number => number;

        public TokenScores? Scores => scores;

        public StringBuilder Written { get; } = new();

        public int Tokens => _whole?.Tokens ?? 0;

        public string? Reason => _whole is null ? null : _whole.End == GenerationEnd.Stop ? "stop" : "length";

        public IAsyncEnumerable<string> Start(TextGenerationOptions options, CancellationToken cancellation) =>
            completion.StreamAsync(ids, ChatEndpoint.OfChoice(options, number), whole => _whole = whole, scores, cancellation);
    }
}
