namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>A text of which a template wrote parts: only there are its marks tokens.</summary>
/// <param name="Text">The text.</param>
/// <param name="Written">The template's parts, in order and apart.</param>
/// <param name="Template">The template's source.</param>
internal sealed record MarkedText(string Text, IReadOnlyList<(int Start, int Length)> Written, string Template)
{
    /// <summary>Whether the template wrote all of a range.</summary>
    public bool IsWritten(int start, int end)
    {
        int low = 0, high = Written.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            (int first, int length) = Written[middle];
            if (start < first)
                high = middle - 1;
            else if (start >= first + length)
                low = middle + 1;
            else
                return end <= first + length;
        }

        return false;
    }
}
