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
            pieces.Rewrite((text, _) => text[0] == ' ' ? text : ' ' + text);
        if (usePattern)
            pieces.Split(KnownPatterns.Gpt2.Find, SplitKind.Isolated);
    }
}
