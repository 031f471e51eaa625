using Samples.Shared;

namespace Module03;

/// <summary>Naive Bayes over black and white pixels: P(digit | pixels) ∝ P(digit)·Π P(pixel | digit).</summary>
internal sealed class NaiveBayes
{
    private readonly double[] _logPrior;

    private NaiveBayes(double[] prior, double[][] pixelProbability)
    {
        _logPrior = Array.ConvertAll(prior, Math.Log);
        PixelProbability = pixelProbability;
    }

    /// <summary>P(pixel is white | digit): an image for each digit.</summary>
    public double[][] PixelProbability { get; }

    public static bool IsWhite(float pixel) => pixel > 0.5f;

    public static NaiveBayes Fit(LabeledImages data)
    {
        var counts = new double[Lesson.Classes];
        var white = new double[Lesson.Classes][];
        for (var digit = 0; digit < Lesson.Classes; digit++)
            white[digit] = new double[Lesson.Pixels];
        foreach (var (image, label) in data.Images.Zip(data.Labels))
        {
            counts[label]++;
            for (var i = 0; i < Lesson.Pixels; i++)
                white[label][i] += IsWhite(image[i]) ? 1 : 0;
        }

        // Laplace's rule: one more white and one more black image, so that no probability is 0.
        var probability = white.Select((pixels, digit) => Array.ConvertAll(pixels, n => (n + 1) / (counts[digit] + 2))).ToArray();
        return new NaiveBayes(Array.ConvertAll(counts, n => (n + 1) / (data.Count + Lesson.Classes)), probability);
    }

    public double[] Posterior(float[] image) => PosteriorByRow(image)[^1];

    /// <summary>The posterior before the first row of pixels and after each.</summary>
    public double[][] PosteriorByRow(float[] image)
    {
        var logJoint = (double[])_logPrior.Clone();
        var posteriors = new double[Lesson.Side + 1][];
        posteriors[0] = Normalized(logJoint);
        for (var row = 0; row < Lesson.Side; row++)
        {
            for (var i = row * Lesson.Side; i < (row + 1) * Lesson.Side; i++)
            {
                for (var digit = 0; digit < Lesson.Classes; digit++)
                    logJoint[digit] += Math.Log(IsWhite(image[i]) ? PixelProbability[digit][i] : 1 - PixelProbability[digit][i]);
            }

            posteriors[row + 1] = Normalized(logJoint);
        }

        return posteriors;
    }

    // A product of 784 probabilities underflows; differences of their logarithms do not.
    private static double[] Normalized(double[] logJoint)
    {
        var largest = logJoint.Max();
        var weights = Array.ConvertAll(logJoint, value => Math.Exp(value - largest));
        var evidence = weights.Sum();
        return Array.ConvertAll(weights, weight => weight / evidence);
    }
}
