using System.Numerics.Tensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>
/// Looks for the most probable text by following several at a time, as transformers' beam search with its default of early stopping: a
/// text's score is log p(text) / tokens^lengthPenalty, the token that ends it included; bias and penalties change log-probabilities, which
/// are not normalized again.
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
        {
            throw new ArgumentException(
                $"The prompt has {request.Tokens.Length} tokens; with {nameof(options.MaxTokens)} {options.MaxTokens} they outgrow the "
                + $"model's context of {contextLength}, and beam search cannot slide.");
        }

        int vocabulary = session.VocabularySize;
        float[] logits = new float[_beams * vocabulary];
        session.Reset(0);
        if (request.Source is { } source)
            session.SetSource(0, source);
        session.Prefill(0, request.Tokens, logits.AsSpan(0, vocabulary));
        List<Beam> running = [new Beam([], 0, 0, new LogitAdjustments(options, request.Tokens))];
        List<Hypothesis> finished = [];
        int offset = 0;
        for (int length = 1; ; length++)
        {
            checkAlive();
            List<Candidate> candidates = Best(running, logits, vocabulary), next = [];
            for (int rank = 0; rank < candidates.Count; rank++)
            {
                Candidate candidate = candidates[rank];
                bool isEnd = codec.IsEnd(candidate.Token);
                IReadOnlyList<int> before = running[candidate.Beam].Tokens;
                if (!isEnd && length < options.MaxTokens && !IsStopped(request, before, candidate.Token))
                {
                    if (next.Count < _beams)
                        next.Add(candidate);
                }
                else if (rank < _beams)
                {
                    IReadOnlyList<int> tokens = isEnd ? before : [.. before, candidate.Token];
                    Add(finished, new Hypothesis(tokens, Score(candidate.LogProbability, length), isEnd));
                }
            }

            if (next.Count == 0)
                break;
            int other = _beams - offset;
            running = [.. next.Select((c, i) => running[c.Beam].With(c, other + i, options))];
            if (finished.Count == _beams && finished.Min(h => h.Score) >= Score(next[0].LogProbability, length))
                break;

            for (int i = 0; i < next.Count; i++)
                session.Copy(next[i].Stream, other + i);
            offset = other;
            int[] streams = [.. running.Select(b => b.Stream)], added = [.. next.Select(c => c.Token)];
            session.Append(streams, added, logits.AsSpan(0, running.Count * vocabulary));
        }

        return Finish(request, finished.MaxBy(h => h.Score) ?? throw LogitChecks.NothingLeft());
    }

    private bool IsStopped(GenerationRequest request, IReadOnlyList<int> before, int token)
    {
        if (options.StopStrings.Count == 0)
            return false;
        IncrementalDecoder decoder = codec.NewDecoder(request.Context);
        var scanner = new StopScanner(options.StopStrings);
        foreach (int one in before)
            scanner.Append(decoder.Append(one));
        scanner.Append(decoder.Append(token));
        return scanner.HasStopped;
    }

    private double Score(double logProbability, int length) => logProbability / Math.Pow(length, options.LengthPenalty);

    // Only as many as there are beams count; of equal ones the earlier.
    private void Add(List<Hypothesis> finished, Hypothesis hypothesis)
    {
        finished.Add(hypothesis);
        if (finished.Count > _beams)
            finished.Remove(finished.AsEnumerable().Reverse().MinBy(h => h.Score)!);
    }

    private List<Candidate> Best(List<Beam> running, float[] logits, int vocabulary)
    {
        var best = new PriorityQueue<Candidate, double>();
        for (int b = 0; b < running.Count; b++)
        {
            Span<float> row = logits.AsSpan(b * vocabulary, codec.VocabularySize);
            ToLogProbabilities(row);
            running[b].Adjustments.Apply(row);
            for (int token = 0; token < row.Length; token++)
            {
                double total = running[b].LogProbability + row[token];
                if (best.Count < _candidates)
                    best.Enqueue(new Candidate(b, running[b].Stream, token, total), total);
                else if (best.TryPeek(out _, out double lowest) && total > lowest)
                    best.EnqueueDequeue(new Candidate(b, running[b].Stream, token, total), total);
            }
        }

        return [.. best.UnorderedItems.Select(i => i.Element).Where(c => double.IsFinite(c.LogProbability))
            .OrderByDescending(c => c.LogProbability).ThenBy(c => c.Beam).ThenBy(c => c.Token)];
    }

    private static void ToLogProbabilities(Span<float> logits)
    {
        float highest = TensorPrimitives.Max<float>(logits);
        LogitChecks.Check(highest);
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp(logit - highest);
        double normalizer = highest + Math.Log(sum);
        for (int token = 0; token < logits.Length; token++)
            logits[token] = (float)(logits[token] - normalizer);
    }

    private GeneratedText Finish(GenerationRequest request, Hypothesis best)
    {
        IncrementalDecoder decoder = codec.NewDecoder(request.Context);
        var scanner = new StopScanner(options.StopStrings);
        string text = string.Concat(best.Tokens.Select(token => scanner.Append(decoder.Append(token))));
        text += scanner.Append(decoder.Flush()) + scanner.Flush();
        bool isStopped = best.IsEnded || scanner.HasStopped;
        return new GeneratedText(
            text, request.PromptTokens, best.Tokens.Count + (best.IsEnded ? 1 : 0), isStopped ? GenerationEnd.Stop : GenerationEnd.Length);
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
