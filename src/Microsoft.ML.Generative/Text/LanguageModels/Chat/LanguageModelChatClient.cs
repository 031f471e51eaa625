using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Chat.Tools;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.LanguageModels.Chat;

/// <summary>Answers conversations with a language model: one call is one answer, and calls may overlap.</summary>
internal sealed class LanguageModelChatClient(
    LanguageModelTransformer model, ChatTemplate template, TextGenerationOptions defaults) : IChatClient
{
    /// <summary>
    /// The name of a number in <see cref="ChatOptions.AdditionalProperties"/>: the most probable tokens at each place that are asked for.
    /// </summary>
    public const string TopScores = "top_logprobs";

    /// <summary>The name of the list of <see cref="TokenScore"/> in the additional properties of responses and updates.</summary>
    public const string Scores = "logprobs";

    private const string ProviderName = "microsoft.ml.generative";

    /// <summary>
    /// Whether an answer without <see cref="ChatOptions.MaxOutputTokens"/> may fill the context, instead of having the defaults' number.
    /// </summary>
    public bool FillsContext { get; init; }

    private readonly ChatClientMetadata _metadata = new(ProviderName, defaultModelId: model.ModelId);

    // Not asynchronous itself, so that a wrong argument is an error of the call.
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return RespondAsync(messages, options, cancellationToken);
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return StreamAsync(messages, options, cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        return serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(model) ? model
            : null;
    }

    // The client does not own the model.
    public void Dispose()
    {
    }

    private async Task<ChatResponse> RespondAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        Conversation conversation = ConversationOf(messages, options);
        var answer = new Answer(options);
        var text = new StringBuilder();
        await foreach (string piece in Pieces(conversation, options, answer, cancellationToken).ConfigureAwait(false))
            text.Append(piece);
        IEnumerable<AIContent> contents = text.Length > 0 || answer.Calls.Count == 0 ? [new TextContent(text.ToString())] : [];
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, [.. contents, .. answer.Calls]) { MessageId = NewId() })
        {
            ModelId = ModelId(options),
            ResponseId = NewId(),
            CreatedAt = DateTimeOffset.UtcNow,
            FinishReason = answer.Reason,
            Usage = answer.Usage,
            AdditionalProperties = answer.DrainScores(),
        };
    }

    private async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string response = NewId(), message = NewId();
        var answer = new Answer(options);
        Conversation conversation = ConversationOf(messages, options);
        await foreach (string piece in Pieces(conversation, options, answer, cancellationToken).ConfigureAwait(false))
            yield return Update([new TextContent(piece)]);

        foreach (FunctionCallContent call in answer.Calls)
            yield return Update([call]);
        ChatResponseUpdate last = Update([new UsageContent(answer.Usage)]);
        last.FinishReason = answer.Reason;
        yield return last;

        ChatResponseUpdate Update(IList<AIContent> contents) => new(ChatRole.Assistant, contents)
        {
            ResponseId = response,
            MessageId = message,
            ModelId = ModelId(options),
            CreatedAt = DateTimeOffset.UtcNow,
            AdditionalProperties = answer.DrainScores(),
        };
    }

    private static Conversation ConversationOf(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var conversation = new Conversation(messages, options?.Instructions);
        return options is not { Tools: { Count: > 0 } tools, ToolMode: not NoneChatToolMode } ? conversation
            : new Conversation(conversation.Turns, wantsAnswer: true) { Tools = [.. tools.Select(ToolDefinition.Of)] };
    }

    // Pieces of text; the answer has the rest when they have ended.
    private async IAsyncEnumerable<string> Pieces(
        Conversation conversation, ChatOptions? options, Answer answer, [EnumeratorCancellation] CancellationToken cancellation)
    {
        (IAsyncEnumerable<string> pieces, ToolCallScanner? scanner) =
            await Task.Run(() => Begin(conversation, options, answer, cancellation), cancellation).ConfigureAwait(false);
        await foreach (string piece in pieces.ConfigureAwait(false))
        {
            if ((scanner is null ? piece : scanner.Append(piece)) is { Length: > 0 } certain)
                yield return certain;
        }

        if (scanner is null)
            yield break;
        (string rest, IReadOnlyList<ToolCall> calls) = scanner.Finish();
        answer.Calls = [.. calls.Take(options!.AllowMultipleToolCalls == false ? 1 : int.MaxValue).Select(ContentOf)];
        if (rest.Length > 0)
            yield return rest;
    }

    private (IAsyncEnumerable<string> Pieces, ToolCallScanner? Scanner) Begin(
        Conversation conversation, ChatOptions? options, Answer answer, CancellationToken cancellation)
    {
        using IDisposable stop = EncodingStop.By(cancellation);
        (TextCodec codec, TextGenerationOptions generation) = template.ForAnswers(model.Codec, Translate(options));
        if (conversation.Tools.Count == 0)
        {
            return (Stream(template.Encode(conversation, model.Codec)), null);
        }

        if (generation.ResponseFormat is ChatResponseFormatJson)
            throw new NotSupportedException(
                $"{nameof(ChatOptions)}.{nameof(ChatOptions.Tools)} and a JSON {nameof(ChatOptions.ResponseFormat)} are set; an answer "
                + $"cannot be both: remove one, or set {nameof(ChatOptions.ToolMode)} to {nameof(ChatToolMode.None)}.");
        ToolPrompt prompt = template.EncodeWithTools(conversation, model.Codec, options!.ToolMode);
        generation.ResponseFormat = prompt.Format;
        codec = codec with { Shown = [.. prompt.Scanner.Markup.Tokens.Select(codec.IdOf).OfType<int>()] };
        return (Stream(prompt.Ids), prompt.Scanner);

        IAsyncEnumerable<string> Stream(int[] ids)
        {
            if (FillsContext && options?.MaxOutputTokens is null)
                generation.MaxTokens = Math.Max(1, model.Architecture.ContextLength - ids.Length);
            return model.Generator.StreamAsync(ids, generation, codec, answer.End, cancellation, answer.Scores);
        }
    }

    private static FunctionCallContent ContentOf(ToolCall call) =>
        new(call.Id, call.Name, call.Arguments.Deserialize<Dictionary<string, object?>>());

    // A copy of the model's own options, with those of the call in their places.
    private TextGenerationOptions Translate(ChatOptions? chat)
    {
        TextGenerationOptions options = defaults.Copy();
        if (chat is null)
            return options;

        if (chat.ConversationId is not null)
            throw new NotSupportedException(
                $"{nameof(ChatOptions)}.{nameof(ChatOptions.ConversationId)} is set; this model keeps no conversations: pass all "
                + "messages.");
        options.StopStrings = [.. options.StopStrings, .. chat.StopSequences ?? []];
        options.Temperature = chat.Temperature ?? options.Temperature;
        options.TopP = chat.TopP ?? options.TopP;
        options.TopK = chat.TopK ?? options.TopK;
        options.MaxTokens = chat.MaxOutputTokens ?? options.MaxTokens;
        options.FrequencyPenalty = chat.FrequencyPenalty ?? options.FrequencyPenalty;
        options.PresencePenalty = chat.PresencePenalty ?? options.PresencePenalty;
        options.ResponseFormat = chat.ResponseFormat ?? options.ResponseFormat;
        if (chat.Seed is { } seed)
            options.Seed = (int)(seed ^ seed >> 32);
        return options;
    }

    private string ModelId(ChatOptions? options) => options?.ModelId ?? model.ModelId;

    private static string NewId() => Guid.NewGuid().ToString("N");

    /// <summary>What is known of an answer when it has ended.</summary>
    private sealed class Answer(ChatOptions? options)
    {
        private GeneratedText? _text;

        public TokenScores? Scores { get; } =
            options?.AdditionalProperties?.TryGetValue(TopScores, out int top) == true ? new TokenScores(top) : null;

        public IReadOnlyList<FunctionCallContent> Calls { get; set; } = [];

        public ChatFinishReason Reason => Calls.Count > 0 ? ChatFinishReason.ToolCalls
            : _text!.End == GenerationEnd.Stop ? ChatFinishReason.Stop
            : ChatFinishReason.Length;

        public UsageDetails Usage => new()
        {
            InputTokenCount = _text!.PromptTokens,
            OutputTokenCount = _text.Tokens,
            TotalTokenCount = _text.PromptTokens + _text.Tokens,
        };

        public void End(GeneratedText text) => _text = text;

        public AdditionalPropertiesDictionary? DrainScores() =>
            Scores?.Drain() is { Count: > 0 } drained ? new() { [LanguageModelChatClient.Scores] = drained } : null;
    }
}
