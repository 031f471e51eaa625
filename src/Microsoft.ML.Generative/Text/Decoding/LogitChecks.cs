using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Checks that a token can be chosen by logits. Single ones may be −∞: these tokens are ruled out.</summary>
internal static class LogitChecks
{
    /// <param name="highest">The highest logit, or NaN if one is.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or infinite, or all tokens are forbidden.</exception>
    public static void Check(float highest)
    {
        if (float.IsNegativeInfinity(highest))
            throw NothingLeft();
        FiniteValues.Check([highest], _ => "A logit");
    }

    public static InvalidOperationException NothingLeft() =>
        new($"No token may come next: {nameof(TextGenerationOptions.LogitBias)} forbids all that could.");
}
