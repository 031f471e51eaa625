using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative;

/// <summary>
/// A cheap guess of the tokens that come next, which the model checks all at once: where guesses are right, a text takes fewer passes of
/// the model (Leviathan, Kalman, Matias 2023).
/// </summary>
/// <remarks>
/// The text is the same as without, to the token, sampled texts included: the model's choice at a place depends on its own probabilities
/// and the seed alone, and a guess counts where it is that choice. A draft model guesses with the same random numbers.
/// </remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-1.7B");
/// LanguageModelTransformer draft = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// Console.WriteLine(model.Generate("Once upon a time", new() { MaxTokens = 300, Speculation = draft.AsDraft() }));
/// </code>
/// </example>
public abstract class SpeculativeDecoding
{
    internal const int MostTokens = 64;

    private protected SpeculativeDecoding(int tokens)
    {
        OptionChecks.Between(tokens, 1, MostTokens, nameof(tokens));
        Tokens = tokens;
    }

    /// <summary>Tokens that are guessed at a time, at most.</summary>
    public int Tokens { get; }

    /// <summary>
    /// Guesses that a text goes on as it did the last time that its last tokens stood in it: for texts that repeat parts of their prompts,
    /// such as summaries and changed code (Saxena 2023).
    /// </summary>
    /// <param name="tokens">Tokens that are guessed at a time, 1 to 64.</param>
    /// <param name="longestMatch">The number of last tokens that are looked for, 1 to 64; fewer where they are not found.</param>
    /// <returns>The guess.</returns>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public static SpeculativeDecoding PromptLookup(int tokens = 8, int longestMatch = 3) => new PromptLookup(tokens, longestMatch);

    /// <exception cref="ArgumentException">The guesses are not of the model's tokens.</exception>
    internal abstract void Check(TextCodec codec);

    /// <summary>Begins with a text.</summary>
    /// <param name="options">How its tokens are chosen.</param>
    /// <param name="seed">What the choices depend on.</param>
    internal abstract IDraft Open(TextGenerationOptions options, long seed);
}
