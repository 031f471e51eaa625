using System.Text;

namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>Cuts at each character of a kind.</summary>
internal sealed class CharacterPreTokenizer(Func<Rune, bool> isMatch, SplitBehavior behavior) : TextPreTokenizer
{
    public override void Apply(TextPieces pieces) => pieces.Split(Find, behavior);

    private void Find(string text, int start, int length, List<(int Start, int Length)> matches)
    {
        int position = start;
        foreach (Rune rune in text.AsSpan(start, length).EnumerateRunes())
        {
            if (isMatch(rune))
                matches.Add((position, rune.Utf16SequenceLength));
            position += rune.Utf16SequenceLength;
        }
    }
}
