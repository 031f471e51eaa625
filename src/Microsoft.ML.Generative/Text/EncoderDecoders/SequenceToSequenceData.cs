using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>Reads what an encoder–decoder learns from: pairs, or texts of which spans are left out.</summary>
internal sealed class SequenceToSequenceData(TrainingRun run, SequenceToSequenceOptions options, TextCodec codec, SequenceTokens tokens)
{
    // The stream of the training's seed that spans come from.
    private const long SpanStream = 402;

    /// <param name="data">The rows, whose columns have been checked.</param>
    /// <param name="budget">Bytes that the tokens may take.</param>
    /// <param name="isTraining">Whether the order, and the spans that are left out, are other ones in each epoch.</param>
    /// <exception cref="ArgumentException">There is too little text.</exception>
    /// <exception cref="InvalidDataException">A text cannot be encoded; the message names column and row.</exception>
    public IBatchSource Read(IDataView data, long budget, bool isTraining)
    {
        long? shuffleSeed = isTraining && options.Shuffle ? run.Seed : null;
        return options.SpanCorruption is { } spans
            ? ReadTexts(data, budget, new SpanCorruption(spans.Density, spans.MeanSpanLength), shuffleSeed)
            : SequencePairs.Read(run, data, options, codec, budget).Batches(options.BatchSize, shuffleSeed, tokens.Start, run.Device);
    }

    private CorruptedBatches ReadTexts(IDataView data, long budget, SpanCorruption corruption, long? shuffleSeed)
    {
        int length = corruption.LengthsFor(options.MaxSourceTokens).Tokens, spans = corruption.SpansIn(length);
        if (spans > SequenceTokens.MostSentinels || tokens.Sentinel(spans - 1) >= options.Architecture.VocabularySize)
        {
            throw new ArgumentException(
                $"{nameof(options.SpanCorruption)} leaves {spans} spans out of {nameof(options.MaxSourceTokens)} "
                + $"{options.MaxSourceTokens}, each with a sentinel; the model has {SequenceTokens.MostSentinels} at most, and a "
                + $"vocabulary of {options.Architecture.VocabularySize}. Lower {nameof(options.MaxSourceTokens)} or "
                + $"{nameof(SpanCorruptionOptions.Density)}, or raise {nameof(SpanCorruptionOptions.MeanSpanLength)}.");
        }

        using IChannel channel = run.Host.Start("Reading");
        var corpus = new TokenCorpus(codec.VocabularySize, budget);
        foreach (string text in TextColumn.Read(data, options.InputColumnName))
        {
            run.StopIfCancelled();
            RowErrors.Name(options.InputColumnName, corpus.Rows, () => Add(text));
            corpus.Rows++;
        }

        if (corpus.Rows == 0)
            throw EmptyTable.Error([options.InputColumnName]);
        if (corpus.Count < 2)
            throw new ArgumentException($"The data has {corpus.Count} tokens of text: too few.");
        channel.Info($"Read {corpus.Count:N0} tokens of a vocabulary of {codec.VocabularySize:N0}.");
        var windows = new TokenBatches(
            corpus, new TokenWindows(new TokenRange(0, corpus.Count), length, run.Seed), options.BatchSize, shuffleSeed, run.Device);
        return new CorruptedBatches(
            windows, options.BatchSize, corruption, tokens, codec.End, SeedSequence.Derive(run.Seed, SpanStream), run.Device);

        // Not all of a long text's tokens at once.
        int Add(string text)
        {
            int parts = 0;
            foreach (IReadOnlyList<int> part in LongText.Encode(text, codec.EncodeText))
            {
                corpus.Add([.. part]);
                parts++;
            }

            return parts;
        }
    }
}
