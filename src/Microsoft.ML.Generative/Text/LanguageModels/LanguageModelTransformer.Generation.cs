using System.Runtime.CompilerServices;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

public sealed partial class LanguageModelTransformer
{
    private const string GeneratedColumnName = "Generated";

    // Streams of the seed of a model's rows.
    private const long RowStream = 201;

    private TextGenerator Generator => GeneratorOf(Codec);

    private TextGenerator GeneratorOf(TextCodec codec) => new(codec, Architecture.ContextLength, OpenSession);

    /// <summary>Goes on from a prompt, as <see cref="LanguageModelOptions.Generation"/> of the model says.</summary>
    /// <param name="prompt">The beginning of the text; may be empty where the tokenizer has a token that begins a text.</param>
    /// <returns>What comes after the prompt.</returns>
    /// <exception cref="ArgumentException">The prompt has characters that the tokenizer does not know.</exception>
    public string Generate(string prompt) => Generate(prompt, _definition.Defaults.Generation);

    /// <summary>Goes on from a prompt.</summary>
    /// <param name="prompt">The beginning of the text; may be empty where the tokenizer has a token that begins a text.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <returns>What comes after the prompt.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, the prompt has characters that the tokenizer does not know, or it is too long for <see cref="ContextOverflow.Error"/>.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// Console.WriteLine(model.Generate("Once upon a time", new() { MaxTokens = 300, Temperature = 0.8, Seed = 7 }));
    /// </code>
    /// </example>
    public string Generate(string prompt, TextGenerationOptions options) => Complete([prompt], options, CancellationToken.None)[0].Text;

    /// <summary>Writes texts from nothing.</summary>
    /// <param name="count">How many.</param>
    /// <returns>A text column Generated.</returns>
    /// <inheritdoc cref="Generate(int, TextGenerationOptions)"/>
    public IDataView Generate(int count) => Generate(count, _definition.Defaults.Generation);

    /// <summary>Writes texts from nothing.</summary>
    /// <param name="count">How many.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <returns>A text column Generated.</returns>
    /// <remarks>The n-th text depends on the seed and n alone, not on <paramref name="count"/>.</remarks>
    /// <exception cref="ArgumentException">An option is out of its range, or the tokenizer has no token that begins a text.</exception>
    public IDataView Generate(int count, TextGenerationOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentNullException.ThrowIfNull(options);
        using IDisposable use = _engine.Use();
        options.Validate(Codec.VocabularySize);
        long seed = SeedSequence.Choose(_engine.Host, options.Seed);
        int[] begin = Codec.EncodePrompt("");
        GeneratedText[] texts = Generator.GenerateAll(
            [.. Enumerable.Range(0, count).Select(n => new GenerationRequest(begin, SeedSequence.Derive(seed, n)))], options, _engine.RowsAtOnce, _engine.Host.CheckAlive);
        var rows = new ArrayDataViewBuilder(_engine.Host);
        rows.AddColumn(GeneratedColumnName, [.. texts.Select(t => t.Text)]);
        return rows.GetDataView(count);
    }

    /// <inheritdoc cref="Generate(string, TextGenerationOptions)"/>
    /// <param name="prompt">The beginning of the text.</param>
    /// <param name="options">How tokens are chosen. Default: those of the model.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public Task<string> GenerateAsync(string prompt, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Complete([prompt], options, cancellationToken)[0].Text, cancellationToken);

    /// <summary>Goes on from a prompt, piece by piece as it is written.</summary>
    /// <param name="prompt">The beginning of the text.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: those of the model.</param>
    /// <returns>Pieces of text, together what <see cref="Generate(string, TextGenerationOptions)"/> returns; never half a character.</returns>
    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/exception"/>
    public IEnumerable<string> Stream(string prompt, TextGenerationOptions? options = null) => Stream(Codec.EncodePrompt(Checked(prompt)), options, Codec, null, CancellationToken.None);

    /// <inheritdoc cref="Stream(string, TextGenerationOptions?)"/>
    /// <param name="prompt">The beginning of the text.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: those of the model.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public IAsyncEnumerable<string> StreamAsync(string prompt, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Asynchronously(Stream(Codec.EncodePrompt(Checked(prompt)), options, Codec, null, cancellationToken), cancellationToken);

    internal IEnumerable<string> Stream(
        int[] prompt, TextGenerationOptions? options, TextCodec codec, Action<GeneratedText>? finished, CancellationToken cancellation)
    {
        using IDisposable use = _engine.Use();
        options ??= _definition.Defaults.Generation;
        options.Validate(Codec.VocabularySize);
        if (options.Beams > 1)
            throw new ArgumentException($"{nameof(options.Beams)} is {options.Beams}: beam search knows its text only at its end, so it cannot be streamed.", nameof(options));
        return WhileInUse(GeneratorOf(codec).Stream(new GenerationRequest(prompt, SeedSequence.Choose(_engine.Host, options.Seed)), options, finished, cancellation));
    }

    // Between two pieces the stream's session holds the network's memory.
    private IEnumerable<string> WhileInUse(IEnumerable<string> pieces)
    {
        using IDisposable use = _engine.Use();
        foreach (string piece in pieces)
            yield return piece;
    }

    // Each piece is made on a worker thread; nothing of libtorch that belongs to a thread is open between two.
    internal static async IAsyncEnumerable<string> Asynchronously(IEnumerable<string> pieces, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using IEnumerator<string> enumerator = pieces.GetEnumerator();
        while (await Task.Run(enumerator.MoveNext, cancellation).ConfigureAwait(false))
            yield return enumerator.Current;
    }

    internal IDecodingSession OpenSession(int streams) => OpenSession(_network, streams, Architecture.ContextLength, _device);

    // The number of threads changes no text.
    internal static IDecodingSession OpenSession(LanguageModelNetwork network, int streams, int contextLength, torch.Device device) =>
        DecoderKernels.CanRead(network)
            ? new KernelDecodingSession(network, streams, contextLength, torch.get_num_threads())
            : new TorchDecodingSession(network, streams, contextLength, device);

    private GeneratedText[] Complete(IReadOnlyList<string> prompts, TextGenerationOptions? options, CancellationToken cancellation)
    {
        options ??= _definition.Defaults.Generation;
        options.Validate(Codec.VocabularySize);
        using IDisposable use = _engine.Use();
        long seed = SeedSequence.Choose(_engine.Host, options.Seed);
        return Generator.GenerateAll([.. prompts.Select(p => new GenerationRequest(Codec.EncodePrompt(Checked(p)), seed))], options, _engine.RowsAtOnce, () =>
        {
            _engine.Host.CheckAlive();
            cancellation.ThrowIfCancellationRequested();
        });
    }

    // A row's text depends on its prompt and the model alone.
    private IReadOnlyList<string> Complete(IReadOnlyList<string> texts, IReadOnlyList<long> rows)
    {
        using IDisposable use = _engine.Use();
        TextGenerationOptions options = _definition.Defaults.Generation;
        ChatTemplate? template = _definition.Columns.HasConversations ? Template : null;
        TextCodec codec = Codec;
        if (template is not null)
            (codec, options) = template.ForAnswers(codec, options);

        long seed = SeedSequence.Derive(options.Seed ?? _definition.Defaults.Seed, RowStream);
        return [.. GeneratorOf(codec).GenerateAll([.. texts.Select(Request)], options, _engine.RowsAtOnce, _engine.Host.CheckAlive).Select(t => t.Text)];

        GenerationRequest Request(string text, int i)
        {
            int[] tokens = template is null
                ? Codec.EncodePrompt(text)
                : TextColumns.Guard(_definition.Columns.Input, rows[i], () => template.Encode(ConversationJson.Read(text, wantsAnswer: true), Codec));
            return new GenerationRequest(tokens, (long)RowNoise.Hash(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(tokens), (ulong)seed));
        }
    }

    private static string Checked(string prompt) => prompt ?? throw new ArgumentNullException(nameof(prompt));
}
