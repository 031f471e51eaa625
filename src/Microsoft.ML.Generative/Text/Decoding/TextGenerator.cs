using System.Numerics.Tensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding.Json;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Writes texts: one as a stream of pieces, or many at a time, each as it would be alone.</summary>
/// <param name="codec">Text to tokens and back.</param>
/// <param name="contextLength">Tokens that the model sees at once.</param>
/// <param name="open">Creates a session for a number of streams.</param>
internal sealed class TextGenerator(TextCodec codec, int contextLength, Func<int, IDecodingSession> open)
{
    /// <summary>Writes a text piece by piece.</summary>
    /// <param name="request">The prompt.</param>
    /// <param name="options">Checked options without beam search.</param>
    /// <param name="finished">Receives the whole text when it ends.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    public IEnumerable<string> Stream(
        GenerationRequest request, TextGenerationOptions options, Action<GeneratedText>? finished = null,
        CancellationToken cancellation = default)
    {
        Check(request, options, contextLength);
        JsonFormat? format = JsonFormat.Of(options, codec);
        return Pieces();

        IEnumerable<string> Pieces()
        {
            using IDecodingSession session = open(1);
            float[] logits = new float[session.VocabularySize];
            var stream = new TextStream(request, options, codec, new TokenSampler(options, codec.VocabularySize), format);
            using var text = new TextInProgress(session, 0, contextLength, stream, request, options);
            text.Start(logits);
            while (stream.End is null)
            {
                cancellation.ThrowIfCancellationRequested();
                int before = stream.Tokens.Count;
                string piece = stream.Accept(logits);
                if (piece.Length > 0)
                    yield return piece;
                if (stream.End is null && stream.Tokens.Count > before && !text.TryNext(logits))
                    session.Append([0], [stream.Tokens[^1]], logits);
            }

            text.Report();
            finished?.Invoke(stream.Result);
        }
    }

    /// <summary>Writes a text for each prompt, as many at a time as there are streams.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="streams">Texts at a time.</param>
    /// <param name="checkAlive">Throws to stop.</param>
    public GeneratedText[] GenerateAll(
        IReadOnlyList<GenerationRequest> requests, TextGenerationOptions options, int streams, Action checkAlive)
    {
        foreach (GenerationRequest request in requests)
            Check(request, options, contextLength);
        if (options.Beams > 1)
        {
            var search = new BeamSearch(codec, contextLength, options);
            using IDecodingSession beams = open(2 * options.Beams);
            return [.. requests.Select(request => search.Run(beams, request, checkAlive))];
        }

        var results = new GeneratedText[requests.Count];
        if (requests.Count == 0)
            return results;
        using IDecodingSession session = open(Math.Min(streams, requests.Count));
        var batch = new Batch(session, codec, contextLength, options);
        batch.Run(requests, results, checkAlive);
        return results;
    }

    /// <summary>The probability of each token to be sampled after a prompt.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="options">Checked options.</param>
    public double[] Next(int[] prompt, TextGenerationOptions options)
    {
        Check(new GenerationRequest(prompt, 0), options, contextLength);
        using IDecodingSession session = open(1);
        float[] logits = new float[session.VocabularySize];
        new ContextWindow(session, 0, contextLength).Start(prompt, logits);
        Span<float> known = logits.AsSpan(0, codec.VocabularySize);
        new LogitAdjustments(options, prompt).Apply(known);
        LogitChecks.Check(TensorPrimitives.Max<float>(known));
        return new TokenSampler(options, codec.VocabularySize).Distribution(known);
    }

    /// <exception cref="ArgumentException">The text outgrows the context, and the options do not allow that.</exception>
    public static void Check(GenerationRequest request, TextGenerationOptions options, int contextLength)
    {
        int prompt = request.Tokens.Length;
        if (options.ContextOverflow == ContextOverflow.Error && prompt + options.MaxTokens > contextLength)
            throw ContextLengthError.Create(
                $"The prompt has {prompt} tokens; with {nameof(options.MaxTokens)} {options.MaxTokens} they outgrow the model's context of "
                + $"{contextLength}. Shorten one of them, or set {nameof(options.ContextOverflow)} to {ContextOverflow.SlidingWindow}.");
    }

    /// <summary>Streams that take turns: when a text is finished, the next prompt takes its place.</summary>
    private sealed class Batch(IDecodingSession session, TextCodec codec, int contextLength, TextGenerationOptions options)
    {
        private readonly TokenSampler _sampler = new(options, codec.VocabularySize);
        private readonly JsonFormat? _format = JsonFormat.Of(options, codec);
        private readonly float[] _logits = new float[session.Streams * session.VocabularySize];
        private readonly (TextInProgress Text, int Number)?[] _places = new (TextInProgress, int)?[session.Streams];

        public void Run(IReadOnlyList<GenerationRequest> requests, GeneratedText[] results, Action checkAlive)
        {
            try
            {
                RunAll(requests, results, checkAlive);
            }
            finally
            {
                foreach (var place in _places)
                    place?.Text.Dispose();
            }
        }

        private void RunAll(IReadOnlyList<GenerationRequest> requests, GeneratedText[] results, Action checkAlive)
        {
            int next = 0;
            int[] streams = new int[session.Streams], tokens = new int[session.Streams];
            float[] gathered = new float[_logits.Length];
            while (true)
            {
                int waiting = 0;
                for (int place = 0; place < _places.Length; place++)
                {
                    // A new text's first token may be its last.
                    while (true)
                    {
                        checkAlive();
                        bool isNew = _places[place] is null;
                        if (isNew && next == requests.Count)
                            break;
                        if (isNew)
                            Begin(place, requests[next], next++);
                        (TextInProgress text, int number) = _places[place]!.Value;
                        TextStream stream = text.Stream;
                        stream.Accept(LogitsOf(place));
                        if (stream.End is not null)
                        {
                            text.Report();
                            text.Dispose();
                            results[number] = stream.Result;
                            _places[place] = null;
                            continue;
                        }

                        // A stream that has its logits already is appended to again in the next round.
                        if (text.TryNext(LogitsOf(place)))
                            break;
                        (streams[waiting], tokens[waiting]) = (place, stream.Tokens[^1]);
                        waiting++;
                        break;
                    }
                }

                if (_places.All(p => p is null))
                    return;
                if (waiting == 0)
                    continue;
                Span<float> rows = gathered.AsSpan(0, waiting * session.VocabularySize);
                session.Append(streams.AsSpan(0, waiting), tokens.AsSpan(0, waiting), rows);
                for (int i = 0; i < waiting; i++)
                    rows.Slice(i * session.VocabularySize, session.VocabularySize).CopyTo(LogitsOf(streams[i]));
            }
        }

        private Span<float> LogitsOf(int place) => _logits.AsSpan(place * session.VocabularySize, session.VocabularySize);

        private void Begin(int place, GenerationRequest request, int number)
        {
            var stream = new TextStream(request, options, codec, _sampler, _format);
            var text = new TextInProgress(session, place, contextLength, stream, request, options);
            _places[place] = (text, number);
            text.Start(LogitsOf(place));
        }
    }
}

/// <summary>What a stream of a session holds of a text that may be longer than it.</summary>
internal sealed class ContextWindow(IDecodingSession session, int stream, int contextLength)
{
    /// <summary>The first of the text's tokens that the stream holds.</summary>
    public int First { get; private set; }

    /// <summary>Begins with a prompt, or with its end.</summary>
    public void Start(IReadOnlyList<int> tokens, Span<float> logits)
    {
        First = 0;
        if (tokens.Count > contextLength)
            First = tokens.Count - Math.Max(1, contextLength / 2);
        Fill(tokens, logits);
    }

    /// <summary>
    /// If there is no room for the last token, begins again with the newer half of the text; the logits are then those after it.
    /// </summary>
    public bool TrySlide(IReadOnlyList<int> tokens, Span<float> logits)
    {
        if (tokens.Count - First <= contextLength)
            return false;
        First = tokens.Count - Math.Max(1, contextLength / 2);
        Fill(tokens, logits);
        return true;
    }

    private void Fill(IReadOnlyList<int> tokens, Span<float> logits)
    {
        session.Reset(stream);
        session.Prefill(stream, [.. tokens.Skip(First)], logits);
    }
}
