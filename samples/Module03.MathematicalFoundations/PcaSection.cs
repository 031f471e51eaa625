using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Statistics;
using Samples.Shared;

namespace Module03;

/// <summary>Eigenvalues and eigenvectors: the principal components of digits beside the latent space of a VAE.</summary>
internal static class PcaSection
{
    public sealed record Result(
        double EigenError, double VarianceOfTwo, double PcaError2, double VaeError2, double PcaNeighbors, double VaeNeighbors, double PcaBits, double VaeBits);

    private static readonly int[] _componentCounts = [1, 2, 5, 10, 16, 25, 50, 100, 200, 784];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Eigenvalues and eigenvectors");
        var pca = lesson.Pca;
        var eigenError = Eigenvectors(lesson, pca);
        PowerIteration(lesson, pca);
        var (pcaError, vaeError) = Reconstructions(lesson, pca);
        var (pcaNeighbors, vaeNeighbors, pcaBits, vaeBits) = Maps(lesson, pca);
        var two = pca.Eigenvalues.Take(2).Sum() / pca.Eigenvalues.Sum();
        return new Result(eigenError, two, pcaError, vaeError, pcaNeighbors, vaeNeighbors, pcaBits, vaeBits);
    }

    private static double Eigenvectors(Lesson lesson, Pca pca)
    {
        var first = pca.Components.SubMatrix(0, Lesson.Pixels, 0, 20);
        var error = Enumerable.Range(0, 20).Max(k => (pca.Covariance * first.Column(k) - pca.Eigenvalues[k] * first.Column(k)).L2Norm());
        var angles = (first.TransposeThisAndMultiply(first) - Matrix<double>.Build.DenseIdentity(20)).Enumerate().Max(Math.Abs);
        var total = pca.Eigenvalues.Sum();
        Console.WriteLine($"The covariance C of the {Lesson.Pixels} pixels has {Lesson.Pixels} eigenvectors v with C·v = λ·v: |C·v − λ·v| is at most {error:0.0e+0} for the first 20, their products v·v' differ from 0 or 1 by at most {angles:0.0e+0}.");
        Console.WriteLine($"Share of the variance along the first 2: {pca.Eigenvalues.Take(2).Sum() / total:P1}, 16: {pca.Eigenvalues.Take(16).Sum() / total:P1}, 50: {pca.Eigenvalues.Take(50).Sum() / total:P1}, 100: {pca.Eigenvalues.Take(100).Sum() / total:P1}.");

        float[][] images = [Signed(pca.Mean), .. Enumerable.Range(0, 19).Select(k => Signed(pca.Components.Column(k)))];
        ImageGrid.Save(
            lesson.Output.File("pca-eigendigits.png", "mean and eigenvectors as images"), images, 3, Lesson.Side, Lesson.Side,
            columns: 10, padding: 6, scale: 4);

        new Chart("Variance along the eigenvectors", "number of components", "share of the variance, %", logX: true)
            .Line("together", [.. Cumulated(pca.Eigenvalues).Select((sum, k) => (k + 1.0, 100 * sum / total))])
            .Line("each", [.. pca.Eigenvalues.Select((value, k) => (k + 1.0, 100 * value / total))])
            .Legend(left: true)
            .Save(lesson.Output.File("pca-variance.png", "variance along the eigenvectors"));
        return error;
    }

    // v ← C·v / |C·v| turns any start towards the first eigenvector, by λ₂/λ₁ a step.
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

        new Chart("Power iteration finds the first eigenvector", "products with the covariance", "sine of the angle to it", logY: true)
            .Line("measured", angles)
            .Line("(λ₂/λ₁)^n", [.. angles.Select(p => (p.Item1, Math.Pow(ratio, p.Item1)))], dashed: true)
            .Save(lesson.Output.File("pca-power-iteration.png", "power iteration"));
        Console.WriteLine($"λ₂/λ₁ is {ratio:0.000}: after 60 products any vector points to the first eigenvector but for {angles[^1].Item2:0.0e+0}.");
    }

    private static (double Pca2, double Vae2) Reconstructions(Lesson lesson, Pca pca)
    {
        var tested = lesson.Test.Images[..500];
        double[] errors = [.. _componentCounts.Select(count => MeanSquaredError(tested, tested.Select(image => pca.Reconstruct(pca.Project(image, count))).ToArray()))];
        float[][] Decoded(int latentSize) => [.. lesson.Encode(lesson.Vae(latentSize)).GetColumn<float[]>("Reconstruction").Take(tested.Length)];
        float[][] vae2 = Decoded(2), vae16 = Decoded(16);
        var (error2, error16) = (MeanSquaredError(tested, vae2), MeanSquaredError(tested, vae16));

        new Chart("Reconstruction of test digits", "numbers kept of each image", "mean squared error of a pixel", logX: true, logY: true)
            .Line("PCA", [.. _componentCounts.SkipLast(1).Zip(errors).Select(p => ((double)p.First, p.Second))])
            .Points("VAE", [(2, error2), (16, error16)], size: 7)
            .Save(lesson.Output.File("pca-reconstruction.png", "reconstruction error"));

        var shown = lesson.Test.OneOfEach();
        int[] rows = [2, 16, 50, 200];
        var vaeRow = shown.Select(image => lesson.Vae(2).Decode(lesson.Vae(2).Encode(image)));
        var vaeRow16 = shown.Select(image => lesson.Vae(16).Decode(lesson.Vae(16).Encode(image)));
        ImageGrid.Save(
            lesson.Output.File("pca-reconstructions.png", "digits rebuilt by PCA and by the VAE"),
            [.. shown, .. vaeRow, .. vaeRow16, .. rows.SelectMany(count => shown.Select(image => pca.Reconstruct(pca.Project(image, count))))],
            1, Lesson.Side, Lesson.Side, padding: 3, scale: 2, rowCaptions: ["original", "VAE 2", "VAE 16", .. rows.Select(count => $"PCA {count}")]);
        Console.WriteLine($"Mean squared error of a test pixel: PCA {errors[1]:0.0000} with 2 numbers, {errors[4]:0.0000} with 16, {errors[6]:0.0000} with 50, {errors[^1]:0.0e+0} with all {Lesson.Pixels}; VAE {error2:0.0000} with 2, {error16:0.0000} with 16.");
        return (errors[1], error2);
    }

    private static (double, double, double, double) Maps(Lesson lesson, Pca pca)
    {
        var vae = lesson.Vae(2);
        var count = Math.Min(lesson.Test.Count, 2_000);
        float[][] linear = [.. lesson.Test.Images.Take(count).Select(image => Array.ConvertAll(pca.Project(image, 2), value => (float)value))];
        float[][] latent = [.. lesson.Encode(vae).GetColumn<float[]>("Latent").Take(count)];
        var labels = lesson.Test.Labels[..count];

        Chart.SavePanels(lesson.Output.File("pca-and-vae.png", "two numbers for each digit: PCA and VAE"),
        [
            new Chart("PCA: first two components", "component 1", "component 2").Classes(Points(linear), Lesson.ClassNames),
            new Chart("VAE: two latent dimensions", "latent dimension 1", "latent dimension 2").Classes(Points(latent), Lesson.ClassNames),
        ]);

        const int side = 14;
        var (sd1, sd2) = (Math.Sqrt(pca.Eigenvalues[0]), Math.Sqrt(pca.Eigenvalues[1]));
        var pcaGrid = Enumerable.Range(0, side * side).Select(i => pca.Reconstruct([Spread(i % side, side) * sd1, Spread(i / side, side) * sd2])).ToArray();
        var vaeGrid = ImageGrid.FromColumn(vae.LatentGrid(side, side), "Generated", 1, Lesson.Side, Lesson.Side, side * side);
        ImageGrid.Save(lesson.Output.File("pca-grid.png", "images across the first two components"), pcaGrid, 1, Lesson.Side, Lesson.Side, columns: side, padding: 0, scale: 2);
        ImageGrid.Save(lesson.Output.File("vae-grid.png", "images across the VAE's latent space"), vaeGrid, 1, Lesson.Side, Lesson.Side, columns: side, padding: 0, scale: 2);

        float[][] trainLatent = lesson.EncodeTrain(vae, count);
        float[][] trainLinear = [.. lesson.Train.Images.Take(count).Select(image => Array.ConvertAll(pca.Project(image, 2), value => (float)value))];
        var (pcaNear, vaeNear) = (Neighbors(trainLinear, lesson.Train.Labels, linear, labels), Neighbors(trainLatent, lesson.Train.Labels, latent, labels));
        var (pcaBits, vaeBits) = (Bits(lesson, linear, labels), Bits(lesson, latent, labels));
        Console.WriteLine($"Two numbers tell {pcaBits:0.00} of {Math.Log2(10):0.00} bits about the digit by PCA, {vaeBits:0.00} by the VAE (nearest-neighbor estimate); the digit of the nearest training image is right for {pcaNear:P1} and {vaeNear:P1}.");
        return (pcaNear, vaeNear, pcaBits, vaeBits);

        (float, float, int)[] Points(float[][] coordinates) => [.. coordinates.Select((z, i) => (z[0], z[1], labels[i]))];
    }

    private static double Bits(Lesson lesson, float[][] coordinates, int[] labels) => InformationTheory.EstimateMutualInformation(
        lesson.Rows(coordinates.Zip(labels, (z, label) => new Place { Z = z, Digit = label })), "Z", "Digit", unit: InformationUnit.Bits);

    private static double Neighbors(float[][] known, int[] knownLabels, float[][] asked, int[] labels)
    {
        var right = asked.Zip(labels).Count(pair =>
        {
            var nearest = known.Index().MinBy(k => Square(k.Item[0] - pair.First[0]) + Square(k.Item[1] - pair.First[1])).Index;
            return knownLabels[nearest] == pair.Second;
        });
        return (double)right / asked.Length;
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
        return [.. scaled.Select(v => 1 + Math.Min(0, v)), .. scaled.Select(v => 1 - Math.Abs(v)), .. scaled.Select(v => 1 - Math.Max(0, v))];
    }

    private sealed class Place
    {
        [VectorType(2)]
        public float[] Z { get; set; } = [];

        public int Digit { get; set; }
    }
}
