using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Statistics;
using Samples.Shared;

namespace Module03;

/// <summary>Eigenvalues and eigenvectors: the principal components of digits beside the latent space of a VAE.</summary>
internal static class PcaSection
{
    public sealed record Result(
        double EigenError, double VarianceOfTwo, double PcaError2, double VaeError2, double PcaNeighbors, double VaeNeighbors,
        double PcaBits, double VaeBits);

    private static readonly int[] _componentCounts = [1, 2, 5, 10, 16, 25, 50, 100, 200, 784];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Eigenvalues and eigenvectors");
        Pca pca = lesson.Pca = Pca.Fit(lesson.TrainImages.Images.Take(lesson.Quick ? 1_000 : 10_000).ToArray());
        lesson.Vae2 = TrainVae(lesson, latentSize: 2);
        lesson.Vae16 = TrainVae(lesson, latentSize: 16);
        var eigenError = Eigenvectors(lesson, pca);
        PowerIteration(lesson, pca);
        var (pcaError, vaeError) = Reconstructions(lesson, pca);
        var (pcaNeighbors, vaeNeighbors, pcaBits, vaeBits) = Maps(lesson, pca);
        var two = pca.Eigenvalues.Take(2).Sum() / pca.Eigenvalues.Sum();
        return new Result(eigenError, two, pcaError, vaeError, pcaNeighbors, vaeNeighbors, pcaBits, vaeBits);
    }

    private static VaeTransformer TrainVae(Lesson lesson, int latentSize)
    {
        using var progress = new ConsoleProgress($"VAE, {latentSize} latent dimensions");
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = latentSize,
            Epochs = lesson.Quick ? 6 : 15,
            // So that the numbers do not depend on the number of cores; layers this small gain little from more.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }

    private static double Eigenvectors(Lesson lesson, Pca pca)
    {
        var first = pca.Components.SubMatrix(0, Lesson.Pixels, 0, 20);
        var error = Enumerable.Range(0, 20).Max(k => (pca.Covariance * first.Column(k) - pca.Eigenvalues[k] * first.Column(k)).L2Norm());
        var angles = (first.TransposeThisAndMultiply(first) - Matrix<double>.Build.DenseIdentity(20)).Enumerate().Max(Math.Abs);
        var total = pca.Eigenvalues.Sum();
        Console.WriteLine($"The covariance C of the {Lesson.Pixels} pixels has {Lesson.Pixels} eigenvectors v with C·v = λ·v: |C·v − λ·v| "
            + $"is at most {error:0.0e+0} for the first 20, their inner products differ from 0 or 1 by at most {angles:0.0e+0}.");
        Console.WriteLine($"Share of the variance along the first 2: {pca.Eigenvalues.Take(2).Sum() / total:P1}, 16: "
            + $"{pca.Eigenvalues.Take(16).Sum() / total:P1}, 50: {pca.Eigenvalues.Take(50).Sum() / total:P1}, 100: "
            + $"{pca.Eigenvalues.Take(100).Sum() / total:P1}.");

        float[][] images = [Signed(pca.Mean), .. Enumerable.Range(0, 19).Select(k => Signed(pca.Components.Column(k)))];
        ImageSheet.Save(
            lesson.Output.File("pca-eigendigits.png", "mean and eigenvectors as images"), images, channels: 3, Lesson.Side, Lesson.Side,
            columns: 10, padding: 6, scale: 4, title: "The mean and the first 19 eigenvectors");

        new Chart("Variance along the eigenvectors", "number of components", "share of the variance, %", logX: true)
            .Line("cumulative", [.. Cumulated(pca.Eigenvalues).Select((sum, k) => (k + 1.0, 100 * sum / total))])
            .Line("each", [.. pca.Eigenvalues.Select((value, k) => (k + 1.0, 100 * value / total))])
            .Save(lesson.Output.File("pca-variance.png", "variance along the eigenvectors"));
        return error;
    }

    // v ← C·v / |C·v| turns any vector towards the first eigenvector, by a factor of λ₂/λ₁ per step.
    private static void PowerIteration(Lesson lesson, Pca pca)
    {
        var ratio = pca.Eigenvalues[1] / pca.Eigenvalues[0];
        var target = pca.Components.Column(0);
        var v = Vector<double>.Build.Dense(Lesson.Pixels, 1 / Math.Sqrt(Lesson.Pixels));
        var angles = new List<(double, double)>();
        for (var step = 0; step <= 60; step++)
        {
            angles.Add((step, (v - (v * target) * target).L2Norm()));
            v = (pca.Covariance * v).Normalize(2);
        }

        new Chart("Power iteration finds the first eigenvector", "steps", "sine of the angle to it", logY: true)
            .Line("measured", angles)
            .Line("(λ₂/λ₁)^n", [.. angles.Select(p => (p.Item1, Math.Pow(ratio, p.Item1)))], dashed: true)
            .Save(lesson.Output.File("pca-power-iteration.png", "power iteration"));
        Console.WriteLine(
            $"λ₂/λ₁ is {ratio:0.000}: after 60 steps the sine of the angle to the first eigenvector is {angles[^1].Item2:0.0e+0}.");
    }

    private static (double Pca2, double Vae2) Reconstructions(Lesson lesson, Pca pca)
    {
        var tested = lesson.TestImages.Images[..500];
        double[] errors = [.. _componentCounts.Select(count =>
            MeanSquaredError(tested, tested.Select(image => pca.Reconstruct(pca.Project(image, count))).ToArray()))];
        float[][] vae2 = Lesson.Images(lesson.Vae2.Transform(lesson.Test), "Reconstruction", tested.Length);
        float[][] vae16 = Lesson.Images(lesson.Vae16.Transform(lesson.Test), "Reconstruction", tested.Length);
        var (error2, error16) = (MeanSquaredError(tested, vae2), MeanSquaredError(tested, vae16));

        new Chart("Reconstruction of test digits", "values per image", "mean squared error per pixel", logX: true, logY: true)
            .Line("PCA", [.. _componentCounts.SkipLast(1).Zip(errors).Select(p => ((double)p.First, p.Second))])
            .Points("VAE", [(2, error2), (16, error16)], size: 7)
            .Save(lesson.Output.File("pca-reconstruction.png", "reconstruction error"));

        var shown = lesson.TestImages.OneOfEach();
        int[] rows = [2, 16, 50, 200];
        var vaeRow = shown.Select(image => lesson.Vae2.Decode(lesson.Vae2.Encode(image)));
        var vaeRow16 = shown.Select(image => lesson.Vae16.Decode(lesson.Vae16.Encode(image)));
        lesson.SaveImages(
            "pca-reconstructions.png", "digits reconstructed by PCA and by VAEs",
            [.. shown, .. vaeRow, .. vaeRow16, .. rows.SelectMany(count =>
                shown.Select(image => pca.Reconstruct(pca.Project(image, count))))],
            columns: 10, rowCaptions: ["original", "VAE 2", "VAE 16", .. rows.Select(count => $"PCA {count}")]);
        Console.WriteLine($"Mean squared error per pixel of test images: PCA {errors[1]:0.0000} with 2 values, {errors[4]:0.0000} with 16, "
            + $"{errors[6]:0.0000} with 50, {errors[^1]:0.0e+0} with all {Lesson.Pixels}; VAE {error2:0.0000} with 2, "
            + $"{error16:0.0000} with 16.");
        return (errors[1], error2);
    }

    private static (double, double, double, double) Maps(Lesson lesson, Pca pca)
    {
        VaeTransformer vae = lesson.Vae2;
        var count = Math.Min(lesson.TestImages.Count, 2_000);
        float[][] linear = [.. lesson.TestImages.Images.Take(count)
            .Select(image => Array.ConvertAll(pca.Project(image, 2), value => (float)value))];
        float[][] latent = Lesson.Images(vae.Transform(lesson.Test), "Latent", count);
        var labels = lesson.TestImages.Labels[..count];

        Chart.SavePanels(lesson.Output.File("pca-and-vae.png", "two values per digit: PCA and VAE"),
        [
            new Chart("PCA: first two components", "component 1", "component 2").Classes(Points(linear), lesson.ClassNames),
            new Chart("VAE: two latent dimensions", "latent dimension 1", "latent dimension 2").Classes(Points(latent), lesson.ClassNames),
        ]);

        const int side = 14;
        var (sd1, sd2) = (Math.Sqrt(pca.Eigenvalues[0]), Math.Sqrt(pca.Eigenvalues[1]));
        var pcaGrid = Enumerable.Range(0, side * side)
            .Select(i => pca.Reconstruct([Spread(i % side, side) * sd1, Spread(i / side, side) * sd2])).ToArray();
        var vaeGrid = Lesson.Images(vae.LatentGrid(side, side));
        lesson.SaveImages("pca-grid.png", "images across the first two components", pcaGrid, side, padding: 0);
        lesson.SaveImages("vae-grid.png", "images across the latent space of the VAE", vaeGrid, side, padding: 0);

        float[][] trainLatent = Lesson.Images(vae.Transform(lesson.Train), "Latent", count);
        float[][] trainLinear = [.. lesson.TrainImages.Images.Take(count)
            .Select(image => Array.ConvertAll(pca.Project(image, 2), value => (float)value))];
        var (pcaNear, vaeNear) = (Neighbors(trainLinear, lesson.TrainImages.Labels, linear, labels), Neighbors(
            trainLatent, lesson.TrainImages.Labels, latent, labels));
        var (pcaBits, vaeBits) = (Bits(lesson, linear, labels), Bits(lesson, latent, labels));
        Console.WriteLine($"Mutual information of two values with the digit (nearest-neighbor estimate): {pcaBits:0.00} of "
            + $"{Math.Log2(10):0.00} bits with PCA, {vaeBits:0.00} with the VAE. The digit of the nearest training image is right for "
            + $"{pcaNear:P1} and {vaeNear:P1}.");
        return (pcaNear, vaeNear, pcaBits, vaeBits);

        (float, float, int)[] Points(float[][] coordinates) => [.. coordinates.Select((z, i) => (z[0], z[1], labels[i]))];
    }

    private static double Bits(Lesson lesson, float[][] coordinates, int[] labels) => InformationTheory.EstimateMutualInformation(
        lesson.ML.Data.LoadFromEnumerable(coordinates.Zip(labels, (z, label) => new Place { Z = z, Digit = label })), "Z", "Digit",
        unit: InformationUnit.Bits);

    private static double Neighbors(float[][] known, int[] knownLabels, float[][] queries, int[] labels)
    {
        var right = queries.Zip(labels).Count(pair =>
        {
            var nearest = known.Index().MinBy(k => Square(k.Item[0] - pair.First[0]) + Square(k.Item[1] - pair.First[1])).Index;
            return knownLabels[nearest] == pair.Second;
        });
        return (double)right / queries.Length;
    }

    private static double Square(double value) => value * value;

    private static double Spread(int index, int count) => 2.2 * (2.0 * index / (count - 1) - 1);

    private static double MeanSquaredError(float[][] expected, float[][] actual) =>
        expected.Zip(actual, (e, a) => e.Zip(a, (x, y) => Square(x - y)).Average()).Average();

    private static IEnumerable<double> Cumulated(IEnumerable<double> values)
    {
        double sum = 0;
        foreach (var value in values)
            yield return sum += value;
    }

    // Blue below 0, red above, white at 0.
    private static float[] Signed(Vector<double> values)
    {
        var largest = values.AbsoluteMaximum();
        float[] scaled = [.. values.Select(value => (float)(value / largest))];
        return [.. scaled.Select(v => 1 + Math.Min(0, v)), .. scaled.Select(v => 1 - Math.Abs(v)), .. scaled.Select(v =>
            1 - Math.Max(0, v))];
    }

    private sealed class Place
    {
        [VectorType(2)]
        public float[] Z { get; set; } = [];

        public int Digit { get; set; }
    }
}
