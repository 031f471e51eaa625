namespace Microsoft.ML.Generative;

/// <summary>How many tokens of a text are green by a <see cref="TextWatermark"/>, and how improbable that is without it.</summary>
public sealed class TextWatermarkDetection
{
    internal TextWatermarkDetection(int tokens, int greenTokens, double greenFraction)
    {
        (Tokens, GreenTokens, ExpectedFraction) = (tokens, greenTokens, greenFraction);
        ZScore = tokens == 0 ? 0
            : (greenTokens - greenFraction * tokens) / Math.Sqrt(tokens * greenFraction * (1 - greenFraction));
        PValue = UpperTail(tokens, greenTokens, greenFraction);
    }

    /// <summary>Tokens that were counted, T: sequences with their context that come again are counted once.</summary>
    public int Tokens { get; }

    /// <summary>The green ones among them, g.</summary>
    public int GreenTokens { get; }

    /// <summary>The share of green tokens in texts without the watermark, γ.</summary>
    public double ExpectedFraction { get; }

    /// <summary>
    /// z = (g − γT) / √(Tγ(1 − γ)): about standard normal for texts without the watermark. 0 where nothing was counted. Above 4, a text of
    /// about one in thirty thousand without the watermark would be mistaken for one with it.
    /// </summary>
    public double ZScore { get; }

    /// <summary>
    /// The probability of as many green tokens or more in a text without the watermark: the upper tail of the binomial distribution of T
    /// and γ.
    /// </summary>
    public double PValue { get; }

    // Σ over k ≥ g of C(T, k) γᵏ (1 − γ)ᵀ⁻ᵏ, from logarithms of its terms.
    private static double UpperTail(int tokens, int green, double fraction)
    {
        if (green == 0)
            return 1;
        (double logGreen, double logRed) = (Math.Log(fraction), Math.Log(1 - fraction));
        double term = tokens * logRed, highest = double.NegativeInfinity, sum = 0;
        for (int k = 0; k <= tokens; k++)
        {
            if (k > 0)
                term += Math.Log((double)(tokens - k + 1) / k) + logGreen - logRed;
            if (k < green)
                continue;
            if (term > highest)
                (sum, highest) = (sum * Math.Exp(highest - term) + 1, term);
            else
                sum += Math.Exp(term - highest);
        }

        return Math.Min(1, sum * Math.Exp(highest));
    }
}
