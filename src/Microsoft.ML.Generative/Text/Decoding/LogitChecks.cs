namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Checks that a token can be chosen by logits.</summary>
internal static class LogitChecks
{
    /// <param name="highest">The highest logit.</param>
    /// <exception cref="InvalidOperationException">The logits are not finite, or all tokens are forbidden.</exception>
    public static void Check(float highest)
    {
        if (float.IsNegativeInfinity(highest))
            throw NothingLeft();
        if (!float.IsFinite(highest))
        {
            throw new InvalidOperationException(
                "The network's outputs are not finite: its weights are damaged, or its training diverged.");
        }
    }

    public static InvalidOperationException NothingLeft() =>
        new($"No token may come next: {nameof(TextGenerationOptions.LogitBias)} forbids all that could.");
}
