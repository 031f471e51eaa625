using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>Writes texts with a trained encoder–decoder.</summary>
internal sealed class SequenceToSequenceGenerator(
    RowEngine engine, SequenceToSequenceDefinition definition, TextCodec codec, SequenceToSequenceNetwork network, torch.Device device)
{
    // Streams of the seed of a model's rows.
    private const long RowStream = 401;

    // Tokens, with padding, that are encoded together: more take more memory for what attends to what, and no less time.
    private const int MostTokensTogether = 4096;

    // Room for all tokens of an output is taken when it begins.
    private const int MostOutputTokens = 1 << 16;

    /// <summary>The options of the model.</summary>
    public TextGenerationOptions Defaults => definition.Defaults.Generation;

    /// <summary>Checks what models with an encoder do not support.</summary>
    /// <exception cref="ArgumentException">The options ask for it; the message names the option.</exception>
    public static void Check(TextGenerationOptions options)
    {
        OptionChecks.Between(options.MaxTokens, 1, MostOutputTokens, nameof(options.MaxTokens));
        if (options.Speculation is not null)
        {
            throw new ArgumentException(
                $"{nameof(options.Speculation)} is set; models with an encoder do not support it.", nameof(options));
        }
    }

    /// <inheritdoc cref="SequenceToSequenceTransformer.Generate(IReadOnlyList{string}, TextGenerationOptions)"/>
    public string[] Generate(IReadOnlyList<string> texts, TextGenerationOptions? options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options = Checked(options);
        using IDisposable use = engine.Use();
        using IDisposable stop = EncodingStop.By(CheckAlive);
        long seed = SeedSequence.Choose(engine.Host, options.Seed);
        return Run([.. texts.Select(Encode)], seed, options, CheckAlive);

        void CheckAlive()
        {
            engine.Host.CheckAlive();
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Writes the texts of rows. A row's text depends on its source and the model alone.</summary>
    /// <param name="texts">The sources.</param>
    /// <param name="rows">The rows' numbers, for errors.</param>
    public IReadOnlyList<string> GenerateRows(IReadOnlyList<string> texts, IReadOnlyList<long> rows)
    {
        using IDisposable use = engine.Use();
        using IDisposable stop = EncodingStop.By(engine.Host.CheckAlive);
        long seed = SeedSequence.Derive(Defaults.Seed ?? definition.Defaults.Seed, RowStream);
        int[][] sources = [.. texts.Select((text, i) => RowErrors.Name(definition.Columns.Input, rows[i], () => Encode(text)))];
        return Run(sources, seed, Defaults, engine.Host.CheckAlive);
    }

    /// <inheritdoc cref="SequenceToSequenceTransformer.Stream"/>
    public IEnumerable<string> Stream(string text, TextGenerationOptions? options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        options = Checked(options);
        if (options.Beams > 1)
        {
            throw new ArgumentException(
                $"{nameof(options.Beams)} is {options.Beams}: beam search has its text only at the end, so that it cannot be streamed.",
                nameof(options));
        }

        using IDisposable use = engine.Use();
        using IDisposable stop = EncodingStop.By(cancellation);
        int[] source = Encode(text);
        long seed = SeedSequence.Choose(engine.Host, options.Seed);
        GenerationRequest request = Requests([source], seed)[0];
        return WhileInUse(GeneratorOf(options).Stream(request, options, cancellation: cancellation));
    }

    /// <summary>Writes the text for a source piece by piece on worker threads; that of beam search is one piece.</summary>
    /// <param name="source">The source's tokens.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="finished">Receives the whole text when it ends.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <param name="scores">Receives how probable the tokens are, without beam search.</param>
    public IAsyncEnumerable<string> StreamAsync(
        int[] source, TextGenerationOptions options, Action<GeneratedText> finished, CancellationToken cancellation,
        TokenScores? scores = null)
    {
        options = Checked(options);
        return WorkerSequence.Enumerate(Pieces(), cancellation);

        IEnumerable<string> Pieces()
        {
            using IDisposable use = engine.Use();
            cancellation.ThrowIfCancellationRequested();
            GenerationRequest request = Requests([source], SeedSequence.Choose(engine.Host, options.Seed))[0] with { Scores = scores };
            TextGenerator generator = GeneratorOf(options);
            if (options.Beams > 1)
            {
                GeneratedText whole = generator.GenerateAll([request], options, 1, cancellation.ThrowIfCancellationRequested)[0];
                finished(whole);
                yield return whole.Text;
                yield break;
            }

            foreach (string piece in generator.Stream(request, options, finished, cancellation))
                yield return piece;
        }
    }

    /// <summary>The tokens of a source, behind the model's prefix.</summary>
    /// <exception cref="ArgumentException">The text is too long, or has characters that the tokenizer lacks.</exception>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int[] tokens = codec.EncodeWithSpecialTokens(definition.Defaults.Prefix + text);
        int most = definition.Defaults.MaxSourceTokens;
        return tokens.Length >= 1 && tokens.Length <= most
            ? tokens
            : throw new ArgumentException($"The text has {tokens.Length} tokens; expected 1 to {most}, the most of a source.");
    }

    // Between two pieces the stream's session holds the network's memory.
    private IEnumerable<string> WhileInUse(IEnumerable<string> pieces)
    {
        using IDisposable use = engine.Use();
        foreach (string piece in pieces)
            yield return piece;
    }

    private string[] Run(int[][] sources, long seed, TextGenerationOptions options, Action checkAlive)
    {
        var texts = new List<string>(sources.Length);
        TextGenerator generator = GeneratorOf(options);
        foreach (int[][] some in sources.Chunk(engine.RowsAtOnce))
        {
            checkAlive();
            texts.AddRange(generator.GenerateAll(Requests(some, seed), options, engine.RowsAtOnce, checkAlive).Select(text => text.Text));
        }

        return [.. texts];
    }

    private GenerationRequest[] Requests(int[][] sources, long seed)
    {
        SourceStates[] states = EncodeAll(sources);
        return [.. sources.Select((tokens, i) => new GenerationRequest(
            [definition.Defaults.StartToken], (long)RowNoise.Hash(MemoryMarshal.AsBytes<int>(tokens), (ulong)seed))
        {
            Source = states[i],
        })];
    }

    // Sources of about the same length together.
    private SourceStates[] EncodeAll(int[][] sources)
    {
        using IDisposable noGradient = torch.no_grad();
        var states = new SourceStates[sources.Length];
        int[] order = [.. Enumerable.Range(0, sources.Length).OrderBy(i => sources[i].Length)];
        for (int start = 0, count; start < order.Length; start += count)
        {
            count = 1;
            while (start + count < order.Length && (count + 1) * sources[order[start + count]].Length <= MostTokensTogether)
                count++;
            int[] together = order[start..(start + count)];
            using DisposeScope scope = torch.NewDisposeScope();
            (torch.Tensor padded, torch.Tensor last) = TokenRows.Pad([.. together.Select(i => sources[i])], device);
            bool isPadded = sources[together[0]].Length < sources[together[^1]].Length;
            torch.Tensor encoded = network.Encode(padded, isPadded ? last.Minus(-1) : null).States; // [count, length, width]
            for (int i = 0; i < count; i++)
            {
                int length = sources[together[i]].Length;
                torch.Tensor own = encoded[i].narrow(0, 0, length); // [length, width]
                states[together[i]] = new SourceStates(TensorMemory.ToArray<float>(own.cpu().contiguous()), length);
            }
        }

        return states;
    }

    // The output of a model with distances has no other end than that of the options.
    private TextGenerator GeneratorOf(TextGenerationOptions options)
    {
        int context = checked(1 + options.MaxTokens);
        return new TextGenerator(
            codec, context, streams => LanguageModelSessions.Open(network.Decoder, streams, context, device));
    }

    private TextGenerationOptions Checked(TextGenerationOptions? options)
    {
        options ??= Defaults;
        options.Validate(codec.VocabularySize);
        Check(options);
        return options;
    }
}
