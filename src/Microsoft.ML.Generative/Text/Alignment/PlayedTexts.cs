using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>
/// Completions with their scores, and what policy and reference say of them: one process's part of a roll-out, or all of it.
/// </summary>
/// <param name="Tokens">Of each completion, the tokens with those of its prompt.</param>
/// <param name="PromptTokens">The tokens of the prompts.</param>
/// <param name="Lengths">The tokens of the texts.</param>
/// <param name="HaveEnded">Which completions have ended by themselves.</param>
/// <param name="Scores">The scores.</param>
/// <param name="Rewards">Each reward's part of them.</param>
/// <param name="Values">The numbers of each completion's tokens.</param>
internal sealed record PlayedTexts(
    int[][] Tokens, int[] PromptTokens, int[] Lengths, bool[] HaveEnded, float[] Scores, float[][] Rewards,
    SortedDictionary<TokenValue, float[][]> Values)
{
    // A token that the reference holds to be impossible has an infinite log-probability.
    private static readonly JsonSerializerOptions _json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>The parts one after the other.</summary>
    public static PlayedTexts Join(IReadOnlyList<PlayedTexts> parts) => new(
        [.. parts.SelectMany(p => p.Tokens)], [.. parts.SelectMany(p => p.PromptTokens)], [.. parts.SelectMany(p => p.Lengths)],
        [.. parts.SelectMany(p => p.HaveEnded)], [.. parts.SelectMany(p => p.Scores)],
        [.. parts[0].Rewards.Select((_, i) => parts.SelectMany(p => p.Rewards[i]).ToArray())],
        // A part without completions does not know which numbers there are.
        new(parts.SelectMany(p => p.Values.Keys).Distinct().ToDictionary(
            kind => kind, kind => parts.SelectMany(p => p.Values.GetValueOrDefault(kind, [])).ToArray())));

    public static PlayedTexts FromBytes(byte[] bytes) => JsonSerializer.Deserialize<PlayedTexts>(bytes, _json)!;

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, _json);

    /// <summary>The roll-out without what is reported of it.</summary>
    /// <param name="learnsTruncated">Whether completions are learned that have not ended by themselves.</param>
    public Rollout ToRollout(bool learnsTruncated)
    {
        var rollout = new Rollout(Tokens, PromptTokens, [.. HaveEnded.Select(hasEnded => hasEnded || learnsTruncated)]);
        foreach ((TokenValue kind, float[][] values) in Values)
            rollout[kind] = values;
        return rollout;
    }
}
