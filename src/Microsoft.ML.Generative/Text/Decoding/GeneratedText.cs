namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Why a text ended.</summary>
internal enum GenerationEnd
{
    /// <summary>By the token that ends texts, or by a stop string.</summary>
    Stop,

    /// <summary>By <see cref="TextGenerationOptions.MaxTokens"/>.</summary>
    Length,
}

/// <summary>A text that a language model has written.</summary>
/// <param name="Text">What was added to the prompt.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Tokens">Tokens that were generated, the one that ends texts included.</param>
/// <param name="End">Why it ended.</param>
internal sealed record GeneratedText(string Text, int PromptTokens, int Tokens, GenerationEnd End)
{
    /// <summary>The tokens of the prompt and those that were sampled; empty for beam search.</summary>
    public int[] Ids { get; init; } = [];
}

/// <summary>A prompt to go on from.</summary>
/// <param name="Tokens">Its tokens, at least one.</param>
/// <param name="Seed">What the choices depend on beside the model.</param>
internal sealed record GenerationRequest(int[] Tokens, long Seed)
{
    /// <summary>Receives how probable the tokens are; null: nobody asks.</summary>
    public TokenScores? Scores { get; init; }

    /// <summary>What the text is written from beside its tokens; <see langword="null"/>: nothing, the model has no encoder.</summary>
    public SourceStates? Source { get; init; }

    /// <summary>The tokens whose text comes before the text; those that begin the output of an encoder–decoder have none.</summary>
    public IReadOnlyList<int> Context => Source is null ? Tokens : [];

    /// <summary>Tokens that were read.</summary>
    public int PromptTokens => Source?.Length ?? Tokens.Length;
}

/// <summary>The output of an encoder for a source.</summary>
/// <param name="Values">[length, width].</param>
/// <param name="Length">Its tokens, at least one.</param>
internal sealed record SourceStates(float[] Values, int Length);
