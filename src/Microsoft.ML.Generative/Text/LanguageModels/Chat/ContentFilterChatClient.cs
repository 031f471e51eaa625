using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;

namespace Microsoft.ML.Generative;

/// <summary>
/// A chat client before another one that refuses what a classifier takes for unwanted: requests before the model sees them, and answers
/// before anybody does.
/// </summary>
/// <remarks>
/// Texts are scored sentence by sentence, so that a long harmless text hides no short one. Of requests, those of the user since the last
/// answer are checked. A refused answer is <see cref="ContentFilterOptions.Refusal"/> with the finish reason
/// <see cref="ChatFinishReason.ContentFilter"/>. A stream passes a sentence on when it is complete and was checked; at the first one that
/// is refused it ends with the refusal, and the model stops. Calls of tools are passed on with the text before them.
/// <para>With the package Microsoft.Extensions.AI: <c>builder.Use(inner => new ContentFilterChatClient(inner, options))</c>.</para>
/// </remarks>
/// <example>
/// <code>
/// using Microsoft.Extensions.AI;
///
/// // A classifier of ML.NET that was fitted on texts with labels.
/// var pipeline = mlContext.Transforms.Text.FeaturizeText("Features", "Text")
///     .Append(mlContext.BinaryClassification.Trainers.SdcaLogisticRegression());
/// ITransformer classifier = pipeline.Fit(data);
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
/// IChatClient chat = new ContentFilterChatClient(
///     model.AsChatClient(), new() { Score = ContentFilterOptions.ScoreOf(mlContext, classifier) });
/// Console.WriteLine(await chat.GetResponseAsync("What do you think of my neighbor?"));
/// </code>
/// </example>
public sealed class ContentFilterChatClient : DelegatingChatClient
{
    private readonly ContentFilterOptions _options;

    /// <summary>Initializes a client before another one.</summary>
    /// <param name="innerClient">The client that answers.</param>
    /// <param name="options">What passes.</param>
    /// <exception cref="ArgumentException">An option is missing or out of its range.</exception>
    public ContentFilterChatClient(IChatClient innerClient, ContentFilterOptions options)
        : base(innerClient)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <inheritdoc/>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatMessage[] all = [.. messages];
        if (IsRequestRefused(all))
            return new ChatResponse(Refusal()) { FinishReason = ChatFinishReason.ContentFilter };
        ChatResponse response = await base.GetResponseAsync(all, options, cancellationToken).ConfigureAwait(false);
        if (_options.ChecksResponses && response.Messages.Any(message => IsTextRefused(message.Text)))
            (response.Messages, response.FinishReason) = ([Refusal()], ChatFinishReason.ContentFilter);
        return response;
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatMessage[] all = [.. messages];
        if (IsRequestRefused(all))
        {
            yield return RefusalAfter(null);
            yield break;
        }

        var sentences = new SentenceCutter();
        // What was not checked as a whole, with where its text ends.
        Queue<(ChatResponseUpdate Update, int End)> waiting = [];
        int length = 0;
        ChatResponseUpdate? last = null;
        await foreach (ChatResponseUpdate update in
            base.GetStreamingResponseAsync(all, options, cancellationToken).ConfigureAwait(false))
        {
            if (!_options.ChecksResponses)
            {
                yield return update;
                continue;
            }

            last = update;
            length += update.Text.Length;
            waiting.Enqueue((update, length));
            if (sentences.Append(update.Text).Any(_options.IsRefused))
            {
                yield return RefusalAfter(last);
                yield break;
            }

            while (waiting.TryPeek(out var first) && first.End <= sentences.Completed)
                yield return waiting.Dequeue().Update;
        }

        if (_options.IsRefused(sentences.Flush()))
        {
            yield return RefusalAfter(last);
            yield break;
        }

        while (waiting.TryDequeue(out var rest))
            yield return rest.Update;
    }

    private bool IsRequestRefused(ChatMessage[] messages) => _options.ChecksRequests && messages
        .Skip(1 + Array.FindLastIndex(messages, message => message.Role == ChatRole.Assistant))
        .Any(message => message.Role == ChatRole.User && IsTextRefused(message.Text));

    private bool IsTextRefused(string text)
    {
        var sentences = new SentenceCutter();
        return sentences.Append(text).Any(_options.IsRefused) || _options.IsRefused(sentences.Flush());
    }

    private ChatMessage Refusal() => new(ChatRole.Assistant, _options.Refusal);

    private ChatResponseUpdate RefusalAfter(ChatResponseUpdate? update) => new(ChatRole.Assistant, _options.Refusal)
    {
        FinishReason = ChatFinishReason.ContentFilter,
        ResponseId = update?.ResponseId,
        MessageId = update?.MessageId,
        ModelId = update?.ModelId,
        CreatedAt = update?.CreatedAt,
    };
}
