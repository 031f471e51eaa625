using System.Text;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>A set of texts, as bytes of UTF-8: what a regular expression describes.</summary>
internal abstract record TextPattern
{
    /// <summary>The empty text.</summary>
    public static TextPattern Nothing { get; } = new Sequence([]);

    public static TextPattern Of(ByteSet bytes) => new OneByte(bytes);

    public static TextPattern Of(string text) =>
        new Sequence([.. Encoding.UTF8.GetBytes(text).Select(value => new OneByte(ByteSet.Of(value)))]);

    public static TextPattern Range(char first, char last) => new OneByte(ByteSet.Range(first, last));

    public static TextPattern All(params TextPattern[] parts) => new Sequence(parts);

    public static TextPattern Any(params IReadOnlyList<TextPattern> options) => options.Count == 1 ? options[0] : new Choice(options);

    /// <param name="least">Repetitions at least.</param>
    /// <param name="most">Repetitions at most; <see langword="null"/> for any number.</param>
    public TextPattern Times(int least, int? most) => new Repetition(this, least, most);

    public TextPattern Optional() => Times(0, 1);

    internal sealed record OneByte(ByteSet Bytes) : TextPattern;

    internal sealed record Sequence(IReadOnlyList<TextPattern> Parts) : TextPattern;

    internal sealed record Choice(IReadOnlyList<TextPattern> Options) : TextPattern;

    internal sealed record Repetition(TextPattern Part, int Least, int? Most) : TextPattern;
}
