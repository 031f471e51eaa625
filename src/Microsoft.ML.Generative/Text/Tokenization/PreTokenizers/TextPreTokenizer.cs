namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>Cuts a text into pieces that are encoded one by one. May be used from several threads at a time.</summary>
internal abstract class TextPreTokenizer
{
    public abstract void Apply(TextPieces pieces);
}

internal sealed class PreTokenizerSequence(IReadOnlyList<TextPreTokenizer> steps) : TextPreTokenizer
{
    public override void Apply(TextPieces pieces)
    {
        foreach (TextPreTokenizer step in steps)
            step.Apply(pieces);
    }
}
