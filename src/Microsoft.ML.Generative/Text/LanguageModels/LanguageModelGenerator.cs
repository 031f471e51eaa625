using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Generates texts with a trained language model.</summary>
/// <param name="engine">The model's host and lifetime.</param>
/// <param name="definition">Columns and defaults.</param>
/// <param name="codec">Text to tokens and back.</param>
/// <param name="sessions">Opens decoding sessions.</param>
internal sealed class LanguageModelGenerator(
    RowEngine engine, LanguageModelDefinition definition, TextCodec codec, AdapterSessions sessions) : IDisposable
{
    // Streams of the seed of a model's rows.
    private const long RowStream = 201;

    private readonly Lazy<DecodingScheduler?> _scheduler = new(sessions.Schedule);

    /// <summary>What generates the texts of concurrent calls together, if there is such a thing.</summary>
    public DecodingScheduler? Scheduler => _scheduler.Value;

    /// <summary>The options of the model.</summary>
    public TextGenerationOptions Defaults => definition.Defaults.Generation;

    /// <exception cref="NotSupportedException">The template of the model's tokenizer is not supported.</exception>
    public ChatTemplate Template => definition.Defaults.ChatTemplate ?? ChatTemplate.Of(codec);

    /// <inheritdoc cref="LanguageModelTransformer.Generate(string, TextGenerationOptions)"/>
    public string Complete(string prompt, TextGenerationOptions? options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options = Checked(options);
        using IDisposable use = engine.Use();
        using IDisposable stop = EncodingStop.By(Check);
        var request = new GenerationRequest(codec.EncodePrompt(prompt), SeedSequence.Choose(engine.Host, options.Seed));
        return SchedulerFor(options) is { } scheduler
            ? string.Concat(Scheduled(scheduler, request, options, codec, null, Check))
            : GeneratorOf(codec).GenerateAll([request], options, 1, Check)[0].Text;

        void Check()
        {
            engine.Host.CheckAlive();
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <inheritdoc cref="LanguageModelTransformer.GenerateAsync"/>
    public Task<string> CompleteAsync(string prompt, TextGenerationOptions? options, CancellationToken cancellation)
    {
        return SchedulerFor(options ?? Defaults) is null
            ? Task.Run(() => Complete(prompt, options, cancellation), cancellation)
            : Task.Run(() => Await(StreamAsync(prompt, options, cancellation)), cancellation);

        static async Task<string> Await(IAsyncEnumerable<string> pieces)
        {
            var text = new StringBuilder();
            await foreach (string piece in pieces.ConfigureAwait(false))
                text.Append(piece);
            return text.ToString();
        }
    }

    /// <summary>Completes the prompts of rows. A row's text depends on its prompt and the model alone.</summary>
    /// <param name="texts">The prompts, or conversations in JSON.</param>
    /// <param name="rows">The rows' numbers, for errors.</param>
    /// <param name="adapters">
    /// The adapter of each row, empty where there is none; <see langword="null"/>: all rows have the active one.
    /// </param>
    public IReadOnlyList<string> CompleteRows(
        IReadOnlyList<string> texts, IReadOnlyList<long> rows, IReadOnlyList<string>? adapters = null)
    {
        using IDisposable use = engine.Use();
        using IDisposable stop = EncodingStop.By(engine.Host.CheckAlive);
        (TextCodec answers, TextGenerationOptions options) = (codec, Defaults);
        ChatTemplate? template = definition.Columns.HasConversations ? Template : null;
        if (template is not null)
            (answers, options) = template.ForAnswers(codec, options);

        long seed = SeedSequence.Derive(options.Seed ?? definition.Defaults.Seed, RowStream);
        GenerationRequest[] requests = [.. texts.Select(Request)];
        if (adapters is null)
            return Generate(requests, sessions.Open);

        // Rows with the same adapter go through its network together.
        string[] all = new string[requests.Length];
        foreach (IGrouping<string, int> group in Enumerable.Range(0, requests.Length).GroupBy(i => adapters[i]))
        {
            string? name = group.Key.Length == 0 ? null : group.Key;
            Func<int, IDecodingSession> openOwn =
                RowErrors.Name(definition.Columns.Adapter!, rows[group.First()], () => sessions.With(name));
            foreach ((int row, string text) in group.Zip(Generate([.. group.Select(i => requests[i])], openOwn)))
                all[row] = text;
        }

        return all;

        string[] Generate(GenerationRequest[] some, Func<int, IDecodingSession> openSome) => TextsOf(
            new TextGenerator(answers, definition.Architecture.ContextLength, openSome)
                .GenerateAll(some, options, engine.RowsAtOnce, engine.Host.CheckAlive));

        GenerationRequest Request(string text, int i)
        {
            int[] tokens = template is null ? codec.EncodePrompt(text) : RowErrors.Name(
                definition.Columns.Input, rows[i], () => template.Encode(ConversationJson.Read(text, wantsAnswer: true), codec));
            return new GenerationRequest(tokens, (long)RowNoise.Hash(MemoryMarshal.AsBytes<int>(tokens), (ulong)seed));
        }
    }

    /// <inheritdoc cref="LanguageModelTransformer.Generate(int, TextGenerationOptions)"/>
    public IDataView Generate(int count, TextGenerationOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        RowGeneration.CheckTexts(count);
        ArgumentNullException.ThrowIfNull(options);
        using IDisposable use = engine.Use();
        Checked(options);
        long seed = SeedSequence.Choose(engine.Host, options.Seed);
        int[] begin = codec.EncodePrompt("");
        GenerationRequest[] requests =
            [.. Enumerable.Range(0, count).Select(n => new GenerationRequest(begin, SeedSequence.Derive(seed, n)))];
        var rows = new ArrayDataViewBuilder(engine.Host);
        rows.AddColumn(
            definition.Columns.Output,
            TextsOf(GeneratorOf(codec).GenerateAll(requests, options, engine.RowsAtOnce, engine.Host.CheckAlive)));
        return rows.GetDataView(count);
    }

    /// <inheritdoc cref="LanguageModelTransformer.Stream"/>
    public IEnumerable<string> Stream(string prompt, TextGenerationOptions? options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        using IDisposable stop = EncodingStop.By(cancellation);
        return Stream(codec.EncodePrompt(prompt), options, codec, null, cancellation);
    }

    /// <inheritdoc cref="LanguageModelTransformer.StreamAsync"/>
    public IAsyncEnumerable<string> StreamAsync(string prompt, TextGenerationOptions? options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        using IDisposable stop = EncodingStop.By(cancellation);
        return StreamAsync(codec.EncodePrompt(prompt), options, codec, null, cancellation);
    }

    /// <summary>Completes a prompt piece by piece.</summary>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="options">Options without beam search.</param>
    /// <param name="answers">The codec whose tokens end the text.</param>
    /// <param name="finished">Receives the whole text when it ends.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    public IEnumerable<string> Stream(
        int[] prompt, TextGenerationOptions? options, TextCodec answers, Action<GeneratedText>? finished, CancellationToken cancellation)
    {
        using IDisposable use = engine.Use();
        (GenerationRequest request, options) = RequestOf(prompt, options);
        return SchedulerFor(options) is { } scheduler
            ? Scheduled(scheduler, request, options, answers, finished, cancellation.ThrowIfCancellationRequested)
            : WhileInUse(GeneratorOf(answers).Stream(request, options, finished, cancellation));
    }

    /// <summary>Completes a prompt piece by piece on another thread.</summary>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="options">Options without beam search.</param>
    /// <param name="answers">The codec whose tokens end the text.</param>
    /// <param name="finished">Receives the whole text when it ends.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <param name="scores">Receives how probable the tokens are.</param>
    public IAsyncEnumerable<string> StreamAsync(
        int[] prompt, TextGenerationOptions? options, TextCodec answers, Action<GeneratedText>? finished, CancellationToken cancellation,
        TokenScores? scores = null)
    {
        using IDisposable use = engine.Use();
        (GenerationRequest request, options) = RequestOf(prompt, options);
        request = request with { Scores = scores };
        return SchedulerFor(options) is { } scheduler
            ? ScheduledAsync(scheduler, request, options, answers, finished, cancellation)
            : WorkerSequence.Enumerate(WhileInUse(GeneratorOf(answers).Stream(request, options, finished, cancellation)), cancellation);
    }

    public void Dispose()
    {
        if (_scheduler.IsValueCreated)
            _scheduler.Value?.Dispose();
    }

    /// <inheritdoc cref="LanguageModelTransformer.NextTokens"/>
    public IReadOnlyList<TokenProbability> NextTokens(string prompt, int count, TextGenerationOptions? options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentNullException.ThrowIfNull(prompt);
        options = Checked(options);
        using IDisposable use = engine.Use();
        int[] tokens = codec.EncodePrompt(prompt);
        return [.. GeneratorOf(codec).Next(tokens, options).Index()
            .Where(token => token.Item > 0).OrderByDescending(token => token.Item).Take(count)
            .Select(token => new TokenProbability(token.Index, TextAfter(tokens, token.Index), token.Item))];
    }

    private (GenerationRequest Request, TextGenerationOptions Options) RequestOf(int[] prompt, TextGenerationOptions? options)
    {
        options = Checked(options);
        if (options.Beams > 1)
        {
            throw new ArgumentException(
                $"{nameof(options.Beams)} is {options.Beams}: beam search has its text only at the end, so that it cannot be streamed.",
                nameof(options));
        }

        var request = new GenerationRequest(prompt, SeedSequence.Choose(engine.Host, options.Seed));
        TextGenerator.Check(request, options, definition.Architecture.ContextLength);
        return (request, options);
    }

    // Guesses and beams need streams of their own.
    private DecodingScheduler? SchedulerFor(TextGenerationOptions options) =>
        options is { Beams: 1, Speculation: null } ? Scheduler : null;

    private IEnumerable<string> Scheduled(
        DecodingScheduler scheduler, GenerationRequest request, TextGenerationOptions options, TextCodec answers,
        Action<GeneratedText>? finished, Action checkAlive)
    {
        TextGenerator.Check(request, options, definition.Architecture.ContextLength);
        return Pieces();

        IEnumerable<string> Pieces()
        {
            checkAlive();
            ScheduledText text = Begin(scheduler, request, options, answers, isAsynchronous: false);
            foreach (string piece in scheduler.Enumerate(text, checkAlive))
                yield return piece;
            finished?.Invoke(text.Stream.Result);
        }
    }

    private async IAsyncEnumerable<string> ScheduledAsync(
        DecodingScheduler scheduler, GenerationRequest request, TextGenerationOptions options, TextCodec answers,
        Action<GeneratedText>? finished, [EnumeratorCancellation] CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ScheduledText text = Begin(scheduler, request, options, answers, isAsynchronous: true);
        await foreach (string piece in scheduler.EnumerateAsync(text, cancellation).ConfigureAwait(false))
            yield return piece;
        finished?.Invoke(text.Stream.Result);
    }

    private ScheduledText Begin(
        DecodingScheduler scheduler, GenerationRequest request, TextGenerationOptions options, TextCodec answers, bool isAsynchronous)
    {
        IDisposable use = engine.Use();
        try
        {
            var text = new ScheduledText(request, options, answers, use) { IsAsynchronous = isAsynchronous };
            scheduler.Add(text);
            return text;
        }
        catch
        {
            use.Dispose();
            throw;
        }
    }

    // Between two pieces the stream's session holds the network's memory.
    private IEnumerable<string> WhileInUse(IEnumerable<string> pieces)
    {
        using IDisposable use = engine.Use();
        foreach (string piece in pieces)
            yield return piece;
    }

    private TextGenerator GeneratorOf(TextCodec answers) => new(answers, definition.Architecture.ContextLength, sessions.Open);

    private TextGenerationOptions Checked(TextGenerationOptions? options)
    {
        options ??= Defaults;
        options.Validate(codec.VocabularySize);
        options.Speculation?.Check(codec);
        return options;
    }

    private string TextAfter(int[] prompt, int token)
    {
        IncrementalDecoder decoder = codec.NewDecoder(prompt);
        return decoder.Append(token) + decoder.Flush();
    }

    private static string[] TextsOf(GeneratedText[] texts) => [.. texts.Select(t => t.Text)];
}
