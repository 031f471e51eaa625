namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>Each piece is a token.</summary>
internal sealed class WordLevelModel(TokenVocabulary vocabulary, string? unknownToken) : TokenModel(vocabulary)
{
    public override int? UnknownId { get; } = unknownToken is null ? null : vocabulary.IdOf(unknownToken);

    protected override void Tokenize(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        int id = Vocabulary.TryGetId(piece, out int known) ? known : UnknownId ?? throw Lacking(piece);
        tokens.Add(new PlacedToken(id, 0, piece.Length));
    }
}
