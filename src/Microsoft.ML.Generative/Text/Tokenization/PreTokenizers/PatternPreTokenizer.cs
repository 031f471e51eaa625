namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>Cuts where a regular expression matches.</summary>
internal sealed class PatternPreTokenizer(UnicodePattern pattern, SplitBehavior behavior, bool invert) : TextPreTokenizer
{
    public override void Apply(TextPieces pieces) => pieces.Split(
        (text, start, length, matches) => pattern.Find(text, start, length, matches, pieces.Clock), behavior, invert);
}
