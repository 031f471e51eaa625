using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Judged completions as tokens.</summary>
internal sealed class KtoData
{
    private readonly TokenCorpus _corpus;
    private readonly List<byte> _labels = [];
    private readonly int _context;

    private KtoData(TokenCorpus corpus, int context) => (_corpus, _context) = (corpus, context);

    private string Fingerprint
    {
        get
        {
            string labels = Convert.ToHexStringLower(SHA256.HashData(CollectionsMarshal.AsSpan(_labels)));
            return $"{_corpus.Fingerprint}, {labels[..16]}";
        }
    }

    /// <param name="run">Says when to stop.</param>
    /// <param name="data">The rows, whose columns have been checked.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="codec">Text to tokens.</param>
    /// <param name="context">Longer rows are left out, with a warning.</param>
    /// <param name="budget">Bytes that the tokens may take.</param>
    /// <exception cref="ArgumentException">There are less than two rows.</exception>
    public static KtoData Read(TrainingRun run, IDataView data, KtoColumns columns, TextCodec codec, int context, long budget)
    {
        using IChannel channel = run.Host.Start("Reading");
        var read = new KtoData(new TokenCorpus(codec.VocabularySize, budget), context);
        var tooLong = new RowsLeftOut();
        foreach (JudgedCompletion row in columns.Read(run, data))
        {
            read._corpus.Rows = row.Row + 1;
            (int[] ids, int prompt) = PreferencePairs.Encode(
                codec, columns.Prompt, columns.Completion, row.Row, row.Prompt, row.Completion);
            if (ids.Length - 1 > context)
            {
                tooLong.Add(row.Row);
                continue;
            }

            read._corpus.AddExample(ids, prompt);
            read._labels.Add(row.IsDesirable ? (byte)1 : (byte)0);
        }

        tooLong.Report(channel, read._corpus.Rows, "rows", $"more tokens than the model's context, {context}");
        if (read._labels.Count < 2)
        {
            throw new ArgumentException(
                $"{read._labels.Count} of {read._corpus.Rows} rows can be used; expected 2 or more, each with at most {context} tokens.");
        }

        channel.Info($"Read {read._labels.Count:N0} completions, {read._labels.Count(l => l == 1):N0} of them good.");
        return read;
    }

    /// <summary>
    /// Batches of sequences and targets [rows, time], labels [rows], sequences and targets of mismatched pairs [rows, time], and the
    /// log-probabilities of the reference of both kinds, [rows] each. Mismatched are the prompts with the completions of the row before
    /// them in the batch.
    /// </summary>
    public IBatchSource Batches(TrainingRun run, ReferenceModel reference, int batchSize, long? shuffleSeed) => new IndexBatches(
        _labels.Count, batchSize, shuffleSeed, () => $"{Fingerprint} {reference.Fingerprint}", chosen =>
        {
            using IDisposable turn = run.Threads.Turn();
            TensorBatch own = TokenBatches.Make(_corpus, [.. chosen.Select(i => _corpus.Examples[(int)i])], run.Device);
            TensorBatch mismatched = Mismatched(chosen, run.Device);
            float[] labels = Array.ConvertAll(chosen, i => (float)_labels[(int)i]);
            return new TensorBatch(
                chosen.Length, own[0], own[1], torch.tensor(labels, device: run.Device), mismatched[0], mismatched[1],
                reference.LogProbabilities(own[0], own[1]).sum(1), reference.LogProbabilities(mismatched[0], mismatched[1]).sum(1))
            {
                Samples = own.Weight,
            };
        })
    {
        Fewest = 2,
    };

    private TensorBatch Mismatched(long[] chosen, torch.Device device)
    {
        var corpus = new TokenCorpus(int.MaxValue, long.MaxValue);
        for (int i = 0; i < chosen.Length; i++)
        {
            TokenSpan own = _corpus.Examples[(int)chosen[i]];
            TokenSpan other = _corpus.Examples[(int)chosen[(i + chosen.Length - 1) % chosen.Length]];
            int[] prompt = _corpus.TokensOf(own)[..(own.Ignored + 1)], completion = _corpus.TokensOf(other)[(other.Ignored + 1)..];
            int[] both = [.. prompt, .. completion];
            corpus.AddExample(both.AsSpan(0, Math.Min(both.Length, _context + 1)), prompt.Length);
        }

        return TokenBatches.Make(corpus, [.. corpus.Examples], device);
    }
}
