using System.Numerics.Tensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>
/// Looks for the most probable text by following several at a time (as transformers' beam search without early stopping): a text's score is
/// log p(text) / tokens^lengthPenalty, the token that ends it not counted.
/// </summary>
internal sealed class BeamSearch(TextCodec codec, int contextLength, TextGenerationOptions options)
{
    private readonly int _beams = options.Beams;

    // Enough that there are beams to continue with when all ends are among them.
    private readonly int _candidates = options.Beams * Math.Max(2, 1 + codec.Ends.Count());

    /// <param name="session">A session of twice as many streams as beams: those before a step and those after it.</param>
    /// <param name="request">The prompt.</param>
    /// <param name="checkAlive">Throws to stop.</param>
    public GeneratedText Run(IDecodingSession session, GenerationRequest request, Action checkAlive)
    {
        if (request.Tokens.Length + options.MaxTokens > contextLength)
            throw new ArgumentException(
                $"The prompt has {request.Tokens.Length} tokens; with {nameof(options.MaxTokens)} {options.MaxTokens} they outgrow the model's context of {contextLength}, and beam search cannot slide.");

        int vocabulary = session.VocabularySize;
        float[] logits = new float[_beams * vocabulary];
        session.Reset(0);
        session.Prefill(0, request.Tokens, logits.AsSpan(0, vocabulary));
        List<Beam> running = [new Beam([], 0, 0, new LogitAdjustments(options, request.Tokens))];
        List<Hypothesis> finished = [];
        int offset = 0;
        for (int length = 1; ; length++)
        {
            checkAlive();
            List<Candidate> candidates = Best(running, logits, vocabulary);
            List<Candidate> next = [];
            for (int rank = 0; rank < candidates.Count && next.Count < _beams; rank++)
            {
                if (!codec.IsEnd(candidates[rank].Token))
                    next.Add(candidates[rank]);
                else if (rank < _beams)
                    Add(finished, new Hypothesis(running[candidates[rank].Beam].Tokens, Score(candidates[rank].LogProbability, length - 1), true));
            }

            if (next.Count == 0)
                break;
            int other = _beams - offset;
            running = [.. next.Select((c, i) => running[c.Beam].With(c, other + i, options))];
            bool isLast = length == options.MaxTokens;
            if (isLast || (finished.Count >= _beams && finished.Min(h => h.Score) >= Score(running.Max(b => b.LogProbability), length)))
            {
                if (isLast)
                    running.ForEach(b => Add(finished, new Hypothesis(b.Tokens, Score(b.LogProbability, length), false)));
                break;
            }

            for (int i = 0; i < next.Count; i++)
                session.Copy(next[i].Stream, other + i);
            offset = other;
            int[] streams = [.. running.Select(b => b.Stream)], tokens = [.. next.Select(c => c.Token)];
            session.Append(streams, tokens, logits.AsSpan(0, running.Count * vocabulary));
        }

        return Finish(request, finished.MaxBy(h => h.Score)!);
    }

    private double Score(double logProbability, int length) => logProbability / Math.Pow(Math.Max(1, length), options.LengthPenalty);

    // Only as many as there are beams count.
    private void Add(List<Hypothesis> finished, Hypothesis hypothesis)
    {
        finished.Add(hypothesis);
        if (finished.Count > _beams)
            finished.Remove(finished.MinBy(h => h.Score)!);
    }

    private List<Candidate> Best(List<Beam> running, float[] logits, int vocabulary)
    {
        var best = new PriorityQueue<Candidate, double>();
        for (int b = 0; b < running.Count; b++)
        {
            Span<float> row = logits.AsSpan(b * vocabulary, codec.VocabularySize);
            running[b].Adjustments.Apply(row);
            float highest = TensorPrimitives.Max<float>(row);
            double sum = 0;
            foreach (float logit in row)
                sum += Math.Exp(logit - highest);
            double normalizer = highest + Math.Log(sum);
            for (int token = 0; token < row.Length; token++)
            {
                double total = running[b].LogProbability + (row[token] - normalizer);
                if (best.Count < _candidates)
                    best.Enqueue(new Candidate(b, running[b].Stream, token, total), total);
                else if (best.TryPeek(out _, out double lowest) && total > lowest)
                    best.EnqueueDequeue(new Candidate(b, running[b].Stream, token, total), total);
            }
        }

        return [.. best.UnorderedItems.Select(i => i.Element).Where(c => double.IsFinite(c.LogProbability))
            .OrderByDescending(c => c.LogProbability).ThenBy(c => c.Beam).ThenBy(c => c.Token)];
    }

    private GeneratedText Finish(GenerationRequest request, Hypothesis best)
    {
        IncrementalDecoder decoder = codec.NewDecoder(request.Tokens);
        var scanner = new StopScanner(options.StopStrings);
        string text = string.Concat(best.Tokens.Select(token => scanner.Append(decoder.Append(token))));
        text += scanner.Append(decoder.Flush()) + scanner.Flush();
        bool isStopped = best.IsEnded || scanner.HasStopped;
        return new GeneratedText(text, request.Tokens.Length, best.Tokens.Count + (best.IsEnded ? 1 : 0), isStopped ? GenerationEnd.Stop : GenerationEnd.Length);
    }

    private sealed record Beam(IReadOnlyList<int> Tokens, double LogProbability, int Stream, LogitAdjustments Adjustments)
    {
        public Beam With(Candidate next, int stream, TextGenerationOptions options)
        {
            var adjustments = new LogitAdjustments(Adjustments, options);
            adjustments.Add(next.Token);
            return new Beam([.. Tokens, next.Token], next.LogProbability, stream, adjustments);
        }
    }

    private readonly record struct Candidate(int Beam, int Stream, int Token, double LogProbability);

    private sealed record Hypothesis(IReadOnlyList<int> Tokens, double Score, bool IsEnded);
}
