using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.Text.LanguageModels.Chat;

/// <summary>Answers conversations with a language model: one call is one answer, and calls may overlap.</summary>
internal sealed class LanguageModelChatClient(
    LanguageModelTransformer model, ChatTemplate template, TextGenerationOptions defaults) : IChatClient
{
    private const string ProviderName = "microsoft.ml.generative";

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
        var conversation = new Conversation(messages, options?.Instructions);
        GeneratedText answer = await Task.Run(() => Answer(conversation, options, cancellationToken), cancellationToken)
            .ConfigureAwait(false);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, answer.Text) { MessageId = NewId() })
        {
            ModelId = ModelId(options),
            ResponseId = NewId(),
            CreatedAt = DateTimeOffset.UtcNow,
            FinishReason = Reason(answer),
            Usage = Usage(answer),
        };
    }

    private async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string response = NewId(), message = NewId();
        GeneratedText? whole = null;
        IEnumerable<string> pieces = Pieces(
            new Conversation(messages, options?.Instructions), options, text => whole = text, cancellationToken);
        await foreach (string piece in WorkerSequence.Enumerate(pieces, cancellationToken).ConfigureAwait(false))
            yield return Update([new TextContent(piece)]);

        ChatResponseUpdate last = Update([new UsageContent(Usage(whole!))]);
        last.FinishReason = Reason(whole!);
        yield return last;

        ChatResponseUpdate Update(IList<AIContent> contents) => new(ChatRole.Assistant, contents)
        {
            ResponseId = response,
            MessageId = message,
            ModelId = ModelId(options),
            CreatedAt = DateTimeOffset.UtcNow,
        };
    }

    private GeneratedText Answer(Conversation conversation, ChatOptions? options, CancellationToken cancellation)
    {
        GeneratedText? whole = null;
        foreach (string _ in Pieces(conversation, options, text => whole = text, cancellation))
        {
        }

        return whole!;
    }

    private IEnumerable<string> Pieces(
        Conversation conversation, ChatOptions? options, Action<GeneratedText> finished, CancellationToken cancellation)
    {
        int[] prompt = template.Encode(conversation, model.Codec);
        (TextCodec codec, TextGenerationOptions generation) = template.ForAnswers(model.Codec, Translate(options));
        return model.Generator.Stream(prompt, generation, codec, finished, cancellation);
    }

    // A copy of the model's own options, with those of the call in their places.
    private TextGenerationOptions Translate(ChatOptions? chat)
    {
        TextGenerationOptions options = defaults.Copy();
        if (chat is null)
            return options;

        if (chat.Tools is { Count: > 0 } && chat.ToolMode is not NoneChatToolMode)
        {
            throw new NotSupportedException(
                $"{nameof(ChatOptions)}.{nameof(ChatOptions.Tools)} are set; this model calls no tools: remove them, or set "
                + $"{nameof(ChatOptions.ToolMode)} to {nameof(ChatToolMode.None)}.");
        }

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

    private static ChatFinishReason Reason(GeneratedText text) =>
        text.End == GenerationEnd.Stop ? ChatFinishReason.Stop : ChatFinishReason.Length;

    private static UsageDetails Usage(GeneratedText text) => new()
    {
        InputTokenCount = text.PromptTokens,
        OutputTokenCount = text.Tokens,
        TotalTokenCount = text.PromptTokens + text.Tokens,
    };

    private static string NewId() => Guid.NewGuid().ToString("N");
}
