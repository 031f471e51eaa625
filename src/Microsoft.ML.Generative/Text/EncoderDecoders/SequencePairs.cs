using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>The tokens of pairs of texts: the source of pair n is example 2n, its target example 2n + 1.</summary>
internal sealed class SequencePairs
{
    private const int RowsBetweenChecks = 256;

    private readonly TokenCorpus _corpus;
    private long _count;

    private SequencePairs(TokenCorpus corpus) => _corpus = corpus;

    /// <summary>Reads pairs.</summary>
    /// <param name="run">Says when to stop.</param>
    /// <param name="data">The rows, whose columns have been checked.</param>
    /// <param name="options">Columns and limits; pairs that are longer are left out, with a warning.</param>
    /// <param name="codec">Text to tokens.</param>
    /// <param name="budget">Bytes that the tokens may take.</param>
    /// <exception cref="ArgumentException">There is no pair.</exception>
    /// <exception cref="InvalidDataException">A text cannot be encoded; the message names column and row.</exception>
    public static SequencePairs Read(TrainingRun run, IDataView data, SequenceToSequenceOptions options, TextCodec codec, long budget)
    {
        using IChannel channel = run.Host.Start("Reading");
        var pairs = new SequencePairs(new TokenCorpus(codec.VocabularySize, budget));
        var tooLong = new RowsLeftOut();
        foreach ((long row, string source, string target) in ReadTexts(run, data, options))
        {
            pairs._corpus.Rows = row + 1;
            int[] sourceTokens = Encode(options.InputColumnName, row, options.Prefix + source);
            int[] targetTokens = Encode(options.TargetColumnName, row, target);
            if (sourceTokens.Length > options.MaxSourceTokens || targetTokens.Length > options.MaxTargetTokens)
            {
                tooLong.Add(row);
                continue;
            }

            pairs._corpus.AddExample(sourceTokens, 1);
            pairs._corpus.AddExample(targetTokens, 1);
            pairs._count++;
        }

        string limits = $"more tokens than {nameof(options.MaxSourceTokens)}, {options.MaxSourceTokens}, or "
            + $"{nameof(options.MaxTargetTokens)}, {options.MaxTargetTokens}";
        tooLong.Report(channel, pairs._corpus.Rows, "pairs", limits);
        if (pairs._count == 0)
            throw new ArgumentException($"All {pairs._corpus.Rows} pairs have {limits}.");
        channel.Info($"Read {pairs._count:N0} pairs of {pairs._corpus.Count:N0} tokens.");
        return pairs;

        int[] Encode(string column, long row, string text)
        {
            int[] tokens = RowErrors.Name(column, row, () => codec.EncodeWithSpecialTokens(text));
            return tokens.Length > 0 ? tokens : throw new InvalidDataException(
                $"Column {Quoted.Text(column)}, row {row}: the text has no token, and the tokenizer none that ends a text.");
        }
    }

    /// <summary>The texts of pairs, row by row.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    public static IEnumerable<(long Row, string Source, string Target)> ReadTexts(
        TrainingRun run, IDataView data, SequenceToSequenceOptions options)
    {
        DataViewSchema.Column sources = data.Schema[options.InputColumnName], targets = data.Schema[options.TargetColumnName];
        using DataViewRowCursor cursor = data.GetRowCursor([sources, targets]);
        Func<string> source = TextColumn.Open(cursor, sources), target = TextColumn.Open(cursor, targets);
        bool isEmpty = true;
        while (cursor.MoveNext())
        {
            isEmpty = false;
            if (cursor.Position % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            yield return (cursor.Position, source(), target());
        }

        if (isEmpty)
            throw EmptyTable.Error([options.InputColumnName, options.TargetColumnName]);
    }

    /// <summary>Batches as <see cref="SequenceBatch"/> makes them.</summary>
    /// <param name="batchSize">Pairs in a batch.</param>
    /// <param name="shuffleSeed">The seed of the order, or <see langword="null"/> for the pairs' own.</param>
    /// <param name="start">The token that begins targets.</param>
    /// <param name="device">Where the batches go.</param>
    public IBatchSource Batches(int batchSize, long? shuffleSeed, int start, torch.Device device) =>
        new IndexBatches(_count, batchSize, shuffleSeed, () => _corpus.Fingerprint, chosen => SequenceBatch.Make(
            [.. chosen.Select(pair => TokensOf(2 * pair))], [.. chosen.Select(pair => TokensOf(2 * pair + 1))], start, device));

    private int[] TokensOf(long example) => _corpus.TokensOf(_corpus.Examples[(int)example]);
}
