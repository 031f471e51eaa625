using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>A model that writes a text for a prompt.</summary>
internal interface ITextCompletion
{
    /// <summary>The options of the model.</summary>
    TextGenerationOptions Defaults { get; }

    /// <summary>The tokens of a prompt.</summary>
    /// <exception cref="ArgumentException">The prompt is too long, or has characters that the tokenizer lacks.</exception>
    int[] Encode(string prompt);

    /// <summary>Writes the text piece by piece.</summary>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="finished">Receives the whole text when it ends.</param>
    /// <param name="scores">Receives how probable the tokens are; null: nobody asks.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    IAsyncEnumerable<string> StreamAsync(
        int[] prompt, TextGenerationOptions options, Action<GeneratedText> finished, TokenScores? scores, CancellationToken cancellation);
}

/// <summary>A language model continues the prompt, together with the texts of other requests.</summary>
internal sealed class LanguageModelCompletion(LanguageModelTransformer model) : ITextCompletion
{
    public TextGenerationOptions Defaults => model.Generator.Defaults;

    public int[] Encode(string prompt) => model.Codec.EncodePrompt(prompt);

    public IAsyncEnumerable<string> StreamAsync(
        int[] prompt, TextGenerationOptions options, Action<GeneratedText> finished, TokenScores? scores,
        CancellationToken cancellation) =>
        model.Generator.StreamAsync(prompt, options, model.Codec, finished, cancellation, scores);
}

/// <summary>An encoder–decoder reads the prompt and writes another text, in turn with other requests.</summary>
internal sealed class SequenceToSequenceCompletion(SequenceToSequenceTransformer model, ServedModel served) : ITextCompletion
{
    public TextGenerationOptions Defaults => model.Generator.Defaults;

    public int[] Encode(string prompt) => model.Generator.Encode(prompt);

    public IAsyncEnumerable<string> StreamAsync(
        int[] prompt, TextGenerationOptions options, Action<GeneratedText> finished, TokenScores? scores,
        CancellationToken cancellation) =>
        served.InTurnAsync(stop => model.Generator.StreamAsync(prompt, options, finished, stop, scores), cancellation);
}
