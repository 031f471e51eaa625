namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Guesses the tokens of one text.</summary>
internal interface IDraft : IDisposable
{
    /// <summary>Guesses the tokens after those so far.</summary>
    /// <param name="tokens">The prompt and the text.</param>
    /// <param name="generated">Tokens of the text.</param>
    /// <param name="count">Guesses at most.</param>
    /// <param name="drafts">Receives them.</param>
    void Propose(IReadOnlyList<int> tokens, int generated, int count, List<int> drafts);
}
