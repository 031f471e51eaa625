namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>The treatment of a match when a text is split, by the names and definitions of Hugging Face.</summary>
internal enum SplitKind
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

internal readonly record struct SplitBehavior(SplitKind Kind)
{
    public static implicit operator SplitBehavior(SplitKind kind) => new(kind);

    /// <summary>Adds what is left of the parts, which follow each other without a gap.</summary>
    public void Apply(List<(int Start, int Length, bool Match)> parts, List<(int Start, int Length)> output)
    {
        int first = output.Count;
        bool previous = false;
        switch (Kind)
        {
            case SplitKind.Removed:
            case SplitKind.Isolated:
                foreach (var (start, length, match) in parts)
                {
                    if (!match || Kind == SplitKind.Isolated)
                        output.Add((start, length));
                }

                break;

            case SplitKind.Contiguous:
            case SplitKind.MergedWithPrevious:
                foreach (var (start, length, match) in parts)
                {
                    bool join = Kind == SplitKind.Contiguous ? match == previous : match && !previous;
                    if (join && output.Count > first)
                        output[^1] = (output[^1].Start, output[^1].Length + length);
                    else
                        output.Add((start, length));
                    previous = match;
                }

                break;

            case SplitKind.MergedWithNext:
                for (int i = parts.Count - 1; i >= 0; i--)
                {
                    var (start, length, match) = parts[i];
                    if (match && !previous && output.Count > first)
                        output[^1] = (start, length + output[^1].Length);
                    else
                        output.Add((start, length));
                    previous = match;
                }

                output.Reverse(first, output.Count - first);
                break;

            default:
                throw new InvalidOperationException($"Unknown behavior {Kind}.");
        }
    }
}
