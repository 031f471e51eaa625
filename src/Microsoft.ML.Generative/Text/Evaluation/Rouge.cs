using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Text.Evaluation;

/// <summary>ROUGE (Lin 2004) as the Python package rouge_score computes it.</summary>
internal static partial class Rouge
{
    public static string[] Words(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];

    /// <summary>Shared runs of words.</summary>
    public static RougeScore NGram(string[] text, string[] reference, int length)
    {
        int shared = NGrams.Shared(NGrams.Count(text, length), NGrams.Count(reference, length));
        return Score(shared, text.Length - length + 1, reference.Length - length + 1);
    }

    /// <summary>The longest common subsequence of words.</summary>
    public static RougeScore Longest(string[] text, string[] reference)
    {
        int[] row = new int[reference.Length + 1];
        foreach (string word in text)
        {
            int diagonal = 0;
            for (int i = 1; i <= reference.Length; i++)
            {
                int above = row[i];
                row[i] = word == reference[i - 1] ? diagonal + 1 : Math.Max(above, row[i - 1]);
                diagonal = above;
            }
        }

        return Score(row[^1], text.Length, reference.Length);
    }

    private static RougeScore Score(int shared, int inText, int inReference)
    {
        double precision = shared / (double)Math.Max(inText, 1), recall = shared / (double)Math.Max(inReference, 1);
        return new RougeScore(precision, recall, shared == 0 ? 0 : 2 * precision * recall / (precision + recall));
    }

    [GeneratedRegex("[a-z0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
