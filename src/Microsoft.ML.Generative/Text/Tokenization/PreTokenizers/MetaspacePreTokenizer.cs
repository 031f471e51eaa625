namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>The texts before which <see cref="MetaspacePreTokenizer"/> puts a space.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>SentencePiece's way with spaces: a visible character in their place, which begins a word.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme prepend, bool split) : TextPreTokenizer
{
    public override void Apply(TextPieces pieces)
    {
        pieces.Rewrite((text, place) =>
        {
            text = text.Replace(' ', replacement);
            bool prefix = (prepend == PrependScheme.Always && place != TextPlace.Continuation)
                || (prepend == PrependScheme.First && place == TextPlace.Beginning);
            return prefix && text[0] != replacement ? replacement + text : text;
        });
        if (split)
            pieces.Split(Find, SplitKind.MergedWithNext);
    }

    private void Find(string text, int start, int length, List<(int Start, int Length)> matches)
    {
        int end = start + length;
        for (int i = text.IndexOf(replacement, start, length); i >= 0; i = text.IndexOf(replacement, i + 1, end - i - 1))
            matches.Add((i, 1));
    }
}
