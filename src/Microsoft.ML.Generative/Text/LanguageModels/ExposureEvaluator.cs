using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Ranks texts among others by how probable a model takes them (Carlini et al. 2019).</summary>
internal static class ExposureEvaluator
{
    private const int BatchSize = 64;

    /// <inheritdoc cref="GenerativeCatalog.EvaluateExposure"/>
    public static IReadOnlyList<ExposureMetrics> Evaluate(
        IHostEnvironment env, LanguageModelTransformer model, IReadOnlyList<string> canaries, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(canaries);
        ArgumentNullException.ThrowIfNull(candidates);
        string[] all = [.. candidates.Distinct(StringComparer.Ordinal)];
        Dictionary<string, int> places = all.Index().ToDictionary(c => c.Item, c => c.Index, StringComparer.Ordinal);
        if (canaries.FirstOrDefault(canary => !places.ContainsKey(canary)) is { } unknown)
        {
            throw new ArgumentException(
                $"The canary {Quoted.Text(unknown)} is not among the {all.Length:N0} candidates; expected one of them, since it was chosen "
                + "from them.", nameof(canaries));
        }

        double[] scores = Score(env.Register(nameof(ExposureEvaluator)), model, all);
        return [.. canaries.Select(canary =>
        {
            double own = scores[places[canary]];
            return new ExposureMetrics(canary, own, 1 + scores.Count(score => score < own), all.Length);
        })];
    }

    private static double[] Score(IHost host, LanguageModelTransformer model, string[] texts)
    {
        using IDisposable use = model.Use();
        using IDisposable noGradient = torch.no_grad();
        int context = model.Architecture.ContextLength;
        List<double> scores = [];
        foreach (string[] part in texts.Chunk(BatchSize))
        {
            host.CheckAlive();
            using DisposeScope scope = torch.NewDisposeScope();
            var corpus = new TokenCorpus(model.Architecture.VocabularySize, long.MaxValue);
            List<TokenSpan> spans = [];
            foreach (string text in part)
            {
                int[] tokens = Encode(model, text);
                if (tokens.Length < 2 || tokens.Length - 1 > context)
                {
                    throw new ArgumentException(
                        $"The candidate {Quoted.Text(text)} has {tokens.Length} tokens; expected 2 to {context + 1}, the model's context "
                        + "and one more.");
                }

                spans.Add(new TokenSpan(corpus.Count, tokens.Length - 1, 0));
                corpus.Add(tokens);
            }

            TensorBatch batch = TokenBatches.Make(corpus, CollectionsMarshal.AsSpan(spans), model.Device);
            torch.Tensor sums = model.Network.Score(batch[0], batch[1]).NegativeLogLikelihood.sum(1); // [batch]
            scores.AddRange(FiniteValues.ToArray(sums, "The likelihood of a candidate").Select(sum => (double)sum));
        }

        return [.. scores];
    }

    private static int[] Encode(LanguageModelTransformer model, string text)
    {
        int[] tokens = model.Codec.EncodePrompt(text);
        return model.Codec.Begin is { } begin && tokens[0] != begin ? [begin, .. tokens] : tokens;
    }
}
