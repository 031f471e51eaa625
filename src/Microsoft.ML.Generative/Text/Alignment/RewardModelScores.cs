using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>A completion of a roll-out.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Completion">The text after it.</param>
/// <param name="Tokens">The completion's tokens, with the one that ends the text.</param>
internal readonly record struct RolloutText(string Prompt, string Completion, int Tokens);

/// <summary>Scores completions by a reward model.</summary>
internal static class RewardModelScores
{
    private const int BatchSize = 32;

    public static double[] Of(RewardModelTransformer model, IReadOnlyList<RolloutText> texts)
    {
        using IDisposable use = model.Use();
        using IDisposable noGradient = torch.no_grad();
        var scores = new List<double>(texts.Count);
        foreach (RolloutText[] part in texts.Chunk(BatchSize))
        {
            using DisposeScope scope = torch.NewDisposeScope();
            int[][] tokens = [.. part.Select(text => model.Codec.EncodeExample(text.Prompt, text.Completion).Ids)];
            if (tokens.FirstOrDefault(t => t.Length > model.Architecture.ContextLength) is { } tooLong)
            {
                throw new InvalidOperationException(
                    $"A completion with its prompt has {tooLong.Length} tokens of the reward model, whose context has "
                    + $"{model.Architecture.ContextLength}: lower {nameof(RolloutOptions.MaxTokens)}.");
            }

            scores.AddRange(FiniteValues.ToArray(model.ScoresOf(tokens), "A score").Select(score => (double)score));
        }

        return [.. scores];
    }
}
