namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Streams of tokens, and what a language model says comes next in each.</summary>
internal interface IDecodingSession : IDisposable
{
    int Streams { get; }

    int VocabularySize { get; }

    /// <summary>Tokens that a stream can hold.</summary>
    int ContextLength { get; }

    /// <summary>
    /// Whether a stream's logits are the same to the bit whatever other streams are appended to with it, and however its tokens come.
    /// </summary>
    bool IsExact => false;

    /// <summary>Pages of memory that a stream takes at most.</summary>
    int Pages => 1;

    /// <summary>Pages of memory that streams have, each once however many streams share it.</summary>
    int UsedPages => Streams;

    /// <summary>Bytes of a page.</summary>
    long PageBytes => 0;

    /// <summary>Tokens of a page.</summary>
    int PageLength => ContextLength;

    /// <summary>Appends a token to each of the streams named, and writes their logits for the token after it.</summary>
    /// <param name="streams">Different streams.</param>
    /// <param name="tokens">A token for each.</param>
    /// <param name="logits">[streams named, <see cref="VocabularySize"/>].</param>
    /// <exception cref="InvalidOperationException">A stream is full.</exception>
    void Append(ReadOnlySpan<int> streams, ReadOnlySpan<int> tokens, Span<float> logits);

    /// <summary>
    /// Appends tokens to a stream, and writes the logits for the token after the last; none where there is no room for logits.
    /// </summary>
    /// <exception cref="InvalidOperationException">The stream has no room for them.</exception>
    void Prefill(int stream, ReadOnlySpan<int> tokens, Span<float> logits);

    /// <summary>Appends tokens to a stream, and writes the logits after each of them: the same as one after the other.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="tokens">At most 1 + <see cref="SpeculativeDecoding.MostTokens"/>.</param>
    /// <param name="logits">[tokens, <see cref="VocabularySize"/>].</param>
    /// <exception cref="InvalidOperationException">The stream has no room for them.</exception>
    void Extend(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        for (int i = 0; i < tokens.Length; i++)
            Append([stream], tokens.Slice(i, 1), logits.Slice(i * VocabularySize, VocabularySize));
    }

    /// <summary>Takes the last tokens from a stream, as many as <see cref="Extend"/> takes at most.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="length">Tokens that it keeps.</param>
    void Truncate(int stream, int length) => throw new NotSupportedException("The session keeps all tokens.");

    /// <summary>Sets what a stream attends to beside its tokens, until another is set: in a model with an encoder.</summary>
    void SetSource(int stream, SourceStates source) => throw new NotSupportedException("The model has no encoder.");

    /// <summary>Makes one stream a copy of another.</summary>
    void Copy(int from, int to);

    /// <summary>Makes a stream hold the first tokens of another, or of itself.</summary>
    /// <returns>Whether that could be done without computing them.</returns>
    bool TryShare(int from, int to, int length) => false;

    /// <summary>Empties a stream.</summary>
    void Reset(int stream);
}
