namespace Microsoft.ML.Generative;

/// <summary>How a text was generated.</summary>
public sealed class TextGenerationStatistics
{
    internal TextGenerationStatistics(
        int promptTokens, int tokens, TimeSpan duration, int modelSteps, int draftedTokens, int acceptedTokens)
    {
        (PromptTokens, Tokens, Duration) = (promptTokens, tokens, duration);
        (ModelSteps, DraftedTokens, AcceptedTokens) = (modelSteps, draftedTokens, acceptedTokens);
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>Tokens that were generated, the one that ends the text included.</summary>
    public int Tokens { get; }

    /// <summary>The time from the end of the prompt to that of the text.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Generated tokens per second.</summary>
    public double TokensPerSecond => Tokens / Math.Max(Duration.TotalSeconds, 1e-9);

    /// <summary>
    /// Passes of the model after that of the prompt: with <see cref="TextGenerationOptions.Speculation"/> fewer than tokens.
    /// </summary>
    public int ModelSteps { get; }

    /// <summary>Tokens that <see cref="TextGenerationOptions.Speculation"/> guessed.</summary>
    public int DraftedTokens { get; }

    /// <summary>Guesses that were right.</summary>
    public int AcceptedTokens { get; }
}
