using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative;

public sealed partial class LanguageModelTransformer
{
    /// <summary>The most probable tokens after a prompt.</summary>
    /// <param name="prompt">The beginning of the text; may be empty where the tokenizer has a token that begins a text.</param>
    /// <param name="count">How many tokens at most, at least 1.</param>
    /// <param name="options">
    /// What changes the probabilities: temperature, filters such as top-p, bias and penalties of repetition. Default: those of the model.
    /// </param>
    /// <returns>
    /// The most probable first. These are the probabilities by which <see cref="Generate(string, TextGenerationOptions)"/> draws; tokens that it cannot
    /// draw are left out.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, the prompt has characters that the tokenizer does not know, or it is too long for <see cref="ContextOverflow.Error"/>.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// foreach (TokenProbability next in model.NextTokens("Once upon a", 5))
    ///     Console.WriteLine($"{next.Text} {next.Probability:P1}");
    /// </code>
    /// </example>
    public IReadOnlyList<TokenProbability> NextTokens(string prompt, int count = 10, TextGenerationOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        options ??= _definition.Defaults.Generation;
        options.Validate(Codec.VocabularySize);
        using IDisposable use = _engine.Use();
        int[] tokens = Codec.EncodePrompt(Checked(prompt));
        return [.. Generator.Next(tokens, options).Index()
            .Where(token => token.Item > 0).OrderByDescending(token => token.Item).Take(count)
            .Select(token => new TokenProbability(token.Index, TextAfter(tokens, token.Index), token.Item))];
    }

    private string TextAfter(int[] prompt, int token)
    {
        IncrementalDecoder decoder = Codec.NewDecoder(prompt);
        return decoder.Append(token) + decoder.Flush();
    }
}
