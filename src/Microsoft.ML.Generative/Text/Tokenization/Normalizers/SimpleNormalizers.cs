using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Normalizers;

internal sealed class PrependNormalizer(string prefix) : TextNormalizer
{
    public override string Normalize(string text, NormalizerContext context) =>
        text.Length > 0 && !context.IsContinuation ? prefix + text : text;
}

internal sealed class TrimNormalizer(bool start, bool end) : TextNormalizer
{
    public override string Normalize(string text, NormalizerContext context)
    {
        if (start)
            text = text.TrimStart();
        return end ? text.TrimEnd() : text;
    }
}

/// <summary>Replaces each match.</summary>
internal sealed class ReplaceNormalizer(UnicodePattern pattern, string replacement) : TextNormalizer
{
    public override string Normalize(string text, NormalizerContext context) => pattern.Replace(text, replacement, context.Clock);
}

/// <summary>Lower case, character by character.</summary>
internal sealed class LowercaseNormalizer : TextNormalizer
{
    // The one character whose lower case is two, which .NET's simple mapping leaves as it is.
    public override string Normalize(string text, NormalizerContext context) =>
        text.Replace("\u0130", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();
}
