namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>
/// The cutting part of GPT-2's byte-level scheme. That the pieces are then read as bytes is the model's part
/// (<see cref="ByteAlphabet"/>).
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool usePattern) : TextPreTokenizer
{
    public override void Apply(TextPieces pieces)
    {
        if (addPrefixSpace)
            pieces.Rewrite((text, place) => text[0] == ' ' || place == TextPlace.Continuation ? text : ' ' + text);
        if (usePattern)
            pieces.Split(
                (text, start, length, matches) => KnownPatterns.Gpt2.Find(text, start, length, matches, pieces.Clock), SplitKind.Isolated);
    }
}
