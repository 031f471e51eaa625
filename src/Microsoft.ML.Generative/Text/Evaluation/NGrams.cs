namespace Microsoft.ML.Generative.Text.Evaluation;

/// <summary>Counts runs of words.</summary>
internal static class NGrams
{
    /// <summary>How often each run of a length is there.</summary>
    /// <param name="words">Words without spaces.</param>
    /// <param name="length">The words of a run.</param>
    public static Dictionary<string, int> Count(string[] words, int length)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i + length <= words.Length; i++)
        {
            string run = string.Join(' ', words, i, length);
            counts[run] = counts.GetValueOrDefault(run) + 1;
        }

        return counts;
    }

    /// <summary>The runs that both have, each as often as both.</summary>
    public static int Shared(Dictionary<string, int> a, Dictionary<string, int> b) =>
        a.Sum(run => Math.Min(run.Value, b.GetValueOrDefault(run.Key)));
}
