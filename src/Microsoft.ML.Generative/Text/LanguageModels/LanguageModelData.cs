using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Reads the tokens of a training and of its validation.</summary>
internal sealed class LanguageModelData(TrainingRun run, LanguageModelOptions options, TextCodec codec, TextColumns texts)
{
    private const int ExamplesNamed = 3;

    private IBatchSource? _training;

    public IBatchSource TrainingBatches => _training ?? throw new InvalidOperationException("Nothing was read.");

    public IBatchSource? ValidationBatches { get; private set; }

    /// <summary>Reads the training data, and the validation data if there is any.</summary>
    /// <exception cref="ArgumentException">There is too little text.</exception>
    public void Read(IDataView input)
    {
        using IChannel channel = run.Host.Start("Reading");
        long? seed = options.Shuffle ? run.Seed : null;
        TokenCorpus corpus = ReadCorpus(channel, input, run.DataBudget);
        channel.Info($"Read {corpus.Count:N0} tokens of a vocabulary of {codec.VocabularySize:N0}.");
        ValidationBatches = run.ReadValidation(data => Batches(ReadCorpus(channel, data, run.ValidationBudget), Part.All, null));

        bool isSplit = options.ValidationFraction > 0;
        _training = Batches(corpus, isSplit ? Part.First : Part.All, seed);
        if (isSplit)
            ValidationBatches = Batches(corpus, Part.Last, null);
    }

    private enum Part
    {
        All,
        First,
        Last,
    }

    private TokenBatches Batches(TokenCorpus corpus, Part part, long? shuffleSeed)
    {
        bool isExamples = options.PromptColumnName is not null || options.MessagesColumnName is not null;
        long all = isExamples ? corpus.Examples.Count : corpus.Count;
        long last = (long)Math.Ceiling(all * options.ValidationFraction);
        (long start, long count) = part switch
        {
            Part.First => (0, all - last),
            Part.Last => (all - last, last),
            _ => (0L, all),
        };
        if (count < (isExamples ? 1 : 2))
            throw new ArgumentException(
                $"The data has {all} {(isExamples ? "examples" : "tokens")} of "
                + $"text{(part == Part.All ? "" : $", of which {count} are left {(part == Part.First ? "to learn" : "to score")} with "
                + $"{nameof(LanguageModelOptions.ValidationFraction)} {options.ValidationFraction}")}: too few.");

        ITokenSequences sequences = isExamples
            ? new TokenExamples(corpus, start, count)
            : new TokenWindows(new TokenRange(start, count), options.Architecture.ContextLength, run.Seed);
        return new TokenBatches(corpus, sequences, options.BatchSize, shuffleSeed, run.Device);
    }

    private TokenCorpus ReadCorpus(IChannel channel, IDataView data, long budget)
    {
        var corpus = new TokenCorpus(codec.VocabularySize, budget);
        List<long> tooLong = [];
        foreach ((long row, string text, string? prompt, Conversation? conversation) in texts.Read(run, data))
        {
            corpus.Rows = row + 1;
            if (conversation is not null)
            {
                (int[] ids, bool[] isAnswer) = RowErrors.Name(
                    options.MessagesColumnName!, row, () => options.ChatTemplate!.EncodeAnswers(conversation, codec));
                if (Fits(ids.Length, row))
                    corpus.AddExample(ids, isAnswer);
            }
            else if (prompt is not null)
            {
                RowErrors.Name(options.PromptColumnName!, row, () => codec.EncodePrompt(prompt));
                (int[] example, int promptTokens) = RowErrors.Name(
                    options.InputColumnName, row, () => codec.EncodeExample(prompt, text));
                if (Fits(example.Length, row))
                    corpus.AddExample(example, promptTokens);
            }
            else
            {
                RowErrors.Name(options.InputColumnName, row, () => AddDocument(corpus, text));
            }
        }

        if (tooLong.Count > 0)
            channel.Warning(
                $"{tooLong.Count} of {corpus.Rows} examples are left out: they have more tokens than "
                + $"{nameof(LanguageModelOptions.ContextLength)}, {options.Architecture.ContextLength} (rows "
                + $"{string.Join(", ", tooLong.Take(ExamplesNamed))}{(tooLong.Count > ExamplesNamed ? ", …" : "")}).");
        return corpus;

        // Not all of a long text's tokens at once.
        int AddDocument(TokenCorpus corpus, string text)
        {
            int parts = 0;
            foreach (IReadOnlyList<int> part in codec.EncodeDocumentInParts(text))
            {
                corpus.Add([.. part]);
                parts++;
            }

            return parts;
        }

        bool Fits(int tokens, long row)
        {
            bool fits = tokens - 1 <= options.Architecture.ContextLength;
            if (!fits)
                tooLong.Add(row);
            return fits;
        }
    }
}
