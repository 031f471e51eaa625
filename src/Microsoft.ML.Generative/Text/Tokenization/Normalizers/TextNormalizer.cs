using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Normalizers;

/// <summary>What a normalizer has to know besides the text.</summary>
/// <param name="IsContinuation">Whether the text continues another one.</param>
/// <param name="Clock">The time for patterns.</param>
internal readonly record struct NormalizerContext(bool IsContinuation, PatternClock Clock);

/// <summary>Changes a text before it is cut. May be used from several threads at a time.</summary>
internal abstract class TextNormalizer
{
    public abstract string Normalize(string text, NormalizerContext context);

    /// <summary>Changes a text that stands for itself.</summary>
    public string Normalize(string text) => Normalize(text, new NormalizerContext(false, new PatternClock(text.Length)));
}

internal sealed class NormalizerSequence(IReadOnlyList<TextNormalizer> steps) : TextNormalizer
{
    public override string Normalize(string text, NormalizerContext context)
    {
        int length = text.Length;
        foreach (TextNormalizer step in steps)
            text = TextGrowth.Check(step.Normalize(text, context), length);
        return text;
    }
}
