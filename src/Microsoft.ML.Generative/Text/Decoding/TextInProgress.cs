using System.Diagnostics;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>A text that is generated in a stream of a session.</summary>
internal sealed class TextInProgress : IDisposable
{
    private readonly IDecodingSession _session;
    private readonly int _place;
    private readonly ContextWindow _window;
    private readonly TokenSpeculator? _speculator;
    private readonly GenerationRequest _request;
    private readonly TextGenerationOptions _options;
    private long _started;
    private int _steps;

    /// <param name="session">The model.</param>
    /// <param name="place">The stream.</param>
    /// <param name="contextLength">Tokens that the model sees at once.</param>
    /// <param name="stream">The text.</param>
    /// <param name="request">Its prompt.</param>
    /// <param name="options">How its tokens are chosen.</param>
    public TextInProgress(
        IDecodingSession session, int place, int contextLength, TextStream stream, GenerationRequest request, TextGenerationOptions options)
    {
        (_session, _place, Stream, _request, _options) = (session, place, stream, request, options);
        _window = new ContextWindow(session, place, contextLength);
        if (options.Speculation is { } speculation)
            _speculator = new TokenSpeculator(session, place, _window, speculation.Open(options, request.Seed), speculation.Tokens);
    }

    public TextStream Stream { get; }

    /// <summary>Computes the logits after the prompt.</summary>
    public void Start(Span<float> logits)
    {
        if (_request.Source is { } source)
            _session.SetSource(_place, source);
        _window.Start(Stream.Tokens, logits);
        _started = Stopwatch.GetTimestamp();
    }

    /// <summary>
    /// Computes the logits after the last token where that takes more, or less, than appending it; otherwise that is left to the caller.
    /// </summary>
    public bool TryNext(Span<float> logits)
    {
        if (_window.TrySlide(Stream.Tokens, logits))
        {
            _steps++;
            _speculator?.Forget();
            return true;
        }

        if (_speculator is null)
        {
            _steps++;
            return false;
        }

        _speculator.Next(Stream.Tokens, Stream.Generated, logits);
        return true;
    }

    /// <summary>Reports a text that has ended.</summary>
    public void Report() => _options.Statistics?.Report(new TextGenerationStatistics(
        _request.PromptTokens, Stream.Generated, Stopwatch.GetElapsedTime(_started), _steps + (_speculator?.Steps ?? 0),
        _speculator?.Drafted ?? 0, _speculator?.Accepted ?? 0));

    public void Dispose() => _speculator?.Dispose();
}
