using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding.Json;

namespace Microsoft.ML.Generative.Text.Decoding.Scheduling;

/// <summary>A text that a <see cref="DecodingScheduler"/> generates beside others.</summary>
internal sealed class ScheduledText
{
    private readonly Channel<string> _pieces =
        Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly GenerationRequest _request;
    private readonly TextGenerationOptions _options;
    private long _started;
    private int _steps;

    /// <param name="request">The prompt.</param>
    /// <param name="options">Checked options without beam search and speculation.</param>
    /// <param name="codec">The codec whose tokens end the text.</param>
    /// <param name="use">What keeps the model alive; it is released with the text.</param>
    public ScheduledText(GenerationRequest request, TextGenerationOptions options, TextCodec codec, IDisposable use)
    {
        (_request, _options, Use) = (request, options, use);
        Stream = new TextStream(
            request, options, codec, new TokenSampler(options, codec.VocabularySize), JsonFormat.Of(options, codec));
    }

    /// <summary>The text so far.</summary>
    public TextStream Stream { get; }

    /// <summary>Pieces that have not been read; complete when the text has ended or failed.</summary>
    public ChannelReader<string> Pieces => _pieces.Reader;

    /// <summary>The stream of the session; -1 while the text waits.</summary>
    public int Place { get; set; } = -1;

    /// <summary>The first of the text's tokens that the stream holds.</summary>
    public int First { get; set; }

    /// <summary>Tokens of the text that the stream holds.</summary>
    public int Held { get; set; }

    /// <summary>Whether nobody wants the text any more.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>Whether pieces are awaited, so that a thread has to generate them.</summary>
    public bool IsAsynchronous { get; init; }

    /// <summary>Whether the text has ended or failed.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Tokens that it can come to hold at most.</summary>
    public long MostTokens => (long)_request.Tokens.Length + _options.MaxTokens;

    /// <summary>Tokens that the stream lacks.</summary>
    public int Missing => Stream.Tokens.Count - First - Held;

    private IDisposable Use { get; }

    /// <summary>Takes the logits after the last token.</summary>
    public void Accept(Span<float> logits)
    {
        if (_started == 0)
            _started = Stopwatch.GetTimestamp();
        else
            _steps++;
        try
        {
            string piece = Stream.Accept(logits);
            if (piece.Length > 0)
                _pieces.Writer.TryWrite(piece);
            if (Stream.End is null)
                return;
            _options.Statistics?.Report(new TextGenerationStatistics(
                _request.Tokens.Length, Stream.Generated, Stopwatch.GetElapsedTime(_started), _steps, 0, 0));
            IsOver = true;
            _pieces.Writer.TryComplete();
        }
        catch (Exception e)
        {
            // One text fails alone.
            Fail(e);
        }
    }

    /// <summary>Begins again with the newer half of the text, as there is no room for all of it.</summary>
    public void Slide(int contextLength)
    {
        First = Stream.Tokens.Count - Math.Max(1, contextLength / 2);
        Held = 0;
    }

    public void Fail(Exception error)
    {
        IsOver = true;
        _pieces.Writer.TryComplete(error);
    }

    /// <summary>Lets go of the model.</summary>
    public void Release()
    {
        _pieces.Writer.TryComplete();
        Use.Dispose();
    }
}
