namespace Microsoft.ML.Generative.Text.Tokenization.Normalizers;

/// <summary>Changes a text before it is cut. May be used from several threads at a time.</summary>
internal abstract class TextNormalizer
{
    public abstract string Normalize(string text);
}

internal sealed class NormalizerSequence(IReadOnlyList<TextNormalizer> steps) : TextNormalizer
{
    public override string Normalize(string text)
    {
        int length = text.Length;
        foreach (TextNormalizer step in steps)
            text = TextGrowth.Check(step.Normalize(text), length);
        return text;
    }
}
