using System.Collections.Frozen;

namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>The patterns by which well-known models cut text into words.</summary>
internal static class KnownPatterns
{
    public const string Gpt2Text = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>GPT-3.5 and GPT-4 (cl100k_base), and Llama 3.</summary>
    public const string Cl100kText =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>As <see cref="Cl100kText"/>, with each digit for itself.</summary>
    public const string Qwen2Text =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>GPT-4o (o200k_base).</summary>
    public const string O200kText =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>
    /// Hugging Face's pre-tokenizer Whitespace: words by Unicode's UTS #18, with joiners, and runs of what is neither word nor space.
    /// </summary>
    public const string WhitespaceText =
        $@"[{CharacterKinds.WordClass}]+|[^{CharacterKinds.WordClass}\s]+";

    private static readonly string[] _all = [Gpt2Text, Cl100kText, Qwen2Text, O200kText, WhitespaceText];
    private static readonly Lazy<FrozenSet<string>> _known = new(() => _all.Select(PatternTranslator.Translate).Concat(_all).ToFrozenSet());

    private static readonly Lazy<UnicodePattern> _gpt2 = new(() => new UnicodePattern(Gpt2Text));

    public static UnicodePattern Gpt2 => _gpt2.Value;

    /// <summary>
    /// Whether a pattern, in .NET's syntax, takes long on no text: one of these, or one without choices and repetitions.
    /// </summary>
    public static bool IsQuick(string pattern) => pattern.AsSpan().IndexOfAny("*+{|") < 0 || _known.Value.Contains(pattern);
}
