namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How near texts are to their references.</summary>
/// <remarks>
/// BLEU is that of sacreBLEU with its defaults (13a tokenization, 4-grams, exponential smoothing). ROUGE is that of the Python package
/// rouge_score without a stemmer, as means over the rows: of a text, runs of the letters a to z, in any case, and of digits count as words,
/// and nothing else does.
/// </remarks>
public sealed class TextMetrics
{
    internal TextMetrics(
        long rows, double exactMatch, double bleu, double brevityPenalty, RougeScore rouge1, RougeScore rouge2, RougeScore rougeL)
    {
        (Rows, ExactMatch, Bleu, BrevityPenalty) = (rows, exactMatch, bleu, brevityPenalty);
        (Rouge1, Rouge2, RougeL) = (rouge1, rouge2, rougeL);
    }

    /// <summary>Texts evaluated.</summary>
    public long Rows { get; }

    /// <summary>The part of the texts that are equal to a reference, 0 to 1.</summary>
    public double ExactMatch { get; }

    /// <summary>
    /// The geometric mean of the parts of 1-grams to 4-grams that are in a reference, times <see cref="BrevityPenalty"/>, over all texts
    /// together (Papineni et al. 2002; Post 2018), 0 to 100.
    /// </summary>
    public double Bleu { get; }

    /// <summary>What <see cref="Bleu"/> is multiplied with where the texts are shorter than their references, 0 to 1.</summary>
    public double BrevityPenalty { get; }

    /// <summary>The words that are shared.</summary>
    public RougeScore Rouge1 { get; }

    /// <summary>The pairs of neighboring words that are shared.</summary>
    public RougeScore Rouge2 { get; }

    /// <summary>The longest sequence of words that both have in the same order.</summary>
    public RougeScore RougeL { get; }
}
