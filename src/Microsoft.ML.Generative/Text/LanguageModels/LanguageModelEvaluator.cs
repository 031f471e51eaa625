using System.Text;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Scores the tokens of texts, each predicted from those before it.</summary>
internal static class LanguageModelEvaluator
{
    private const int BatchSize = 16;

    /// <param name="env">The context, which may cancel.</param>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the text column.</param>
    /// <param name="columnName">The column.</param>
    /// <param name="stride">Tokens by which the window moves on where a text is longer than the context.</param>
    public static LanguageModelMetrics Evaluate(
        IHostEnvironment env, LanguageModelTransformer model, IDataView data, string columnName, int? stride)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        ColumnTypes.CheckText(SchemaShape.Create(data.Schema), columnName);
        int context = model.Architecture.ContextLength;
        int step = stride ?? Math.Max(1, context / 2);
        if (step < 1 || step > context)
            throw new ArgumentOutOfRangeException(
                nameof(stride), step, $"The stride is {step}; expected 1 to the model's context of {context} tokens.");

        using IDisposable use = model.Use();
        IHost host = env.Register(nameof(LanguageModelEvaluator));
        var scores = new Scores(model);
        (long documents, long bytes) = (0, 0);
        foreach (string text in TextColumn.Read(data, columnName))
        {
            host.CheckAlive();
            scores.Add(RowErrors.Name(columnName, documents, () => model.Codec.EncodeDocument(text)), context, step);
            documents++;
            bytes += Encoding.UTF8.GetByteCount(text);
        }

        scores.Finish();
        if (documents == 0)
            throw EmptyTable.Error([columnName], "evaluate");
        if (scores.Tokens == 0)
            throw new ArgumentException(
                $"Column '{columnName}' has no text to predict: each of the {documents} documents has less than two tokens.");
        return new LanguageModelMetrics(
            documents, scores.Tokens, bytes, FiniteValues.Checked(scores.Sum, "The likelihood") / scores.Tokens,
            scores.Hits / scores.Tokens);
    }

    /// <summary>Collects windows until they make a batch.</summary>
    private sealed class Scores(LanguageModelTransformer model)
    {
        private readonly List<TokenSpan> _spans = [];
        private TokenCorpus _corpus = NewCorpus(model);

        public long Tokens { get; private set; }

        public double Sum { get; private set; }

        public double Hits { get; private set; }

        public void Add(int[] document, int context, int step)
        {
            // The first token is predicted, too, from the token that begins a text.
            int[] tokens = model.Codec.Begin is { } begin && document[0] != begin ? [begin, .. document] : document;
            long start = _corpus.Count;
            _corpus.Add(tokens);
            int targets = tokens.Length - 1;
            for (int done = 0; done < targets;)
            {
                int end = done == 0 ? Math.Min(context, targets) : Math.Min(done + step, targets);
                int first = Math.Max(0, end - context);
                _spans.Add(new TokenSpan(start + first, end - first, done - first));
                done = end;
                if (_spans.Count == BatchSize)
                    Run();
            }

            // Without a waiting window, no token is needed any more.
            if (_spans.Count == 0)
                _corpus = NewCorpus(model);
        }

        public void Finish()
        {
            if (_spans.Count > 0)
                Run();
        }

        private void Run()
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            TensorBatch batch = TokenBatches.Make(_corpus, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_spans), model.Device);
            (torch.Tensor losses, torch.Tensor hits) = model.Network.Score(batch[0], batch[1]);
            Sum += losses.sum(torch.float64).ToDouble();
            Hits += hits.sum(torch.float64).ToDouble();
            Tokens += batch.Weight;
            _spans.Clear();
        }

        private static TokenCorpus NewCorpus(LanguageModelTransformer model) => new(model.Architecture.VocabularySize, long.MaxValue);
    }
}
