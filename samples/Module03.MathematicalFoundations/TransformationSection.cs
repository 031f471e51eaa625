using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module03;

/// <summary>Linear and nonlinear transformations: of a grid, and of the latent space of a VAE into images.</summary>
internal static class TransformationSection
{
    public sealed record Result(double SheetCurvature, double GrayOfPixels, double GrayOfLatent);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. Linear and nonlinear transformations");
        Linear(lesson);
        Nonlinear(lesson);
        var curvature = LatentSheet(lesson);
        var (mixture, path) = Between(lesson);
        return new Result(curvature, mixture, path);
    }

    private static void Linear(Lesson lesson)
    {
        (string Name, double[,] Matrix)[] maps =
        [
            ("identity", new[,] { { 1.0, 0 }, { 0, 1 } }),
            ("rotation", new[,] { { Math.Cos(0.5), -Math.Sin(0.5) }, { Math.Sin(0.5), Math.Cos(0.5) } }),
            ("scaling", new[,] { { 1.5, 0 }, { 0, 0.5 } }),
            ("symmetric", new[,] { { 1.2, 0.5 }, { 0.5, 0.8 } }),
            ("shear", new[,] { { 1, 0.8 }, { 0, 1 } }),
            ("projection", new[,] { { 0.8, 0.4 }, { 0.4, 0.2 } }),
        ];
        var charts = maps.Select(map =>
        {
            var m = Matrix<double>.Build.DenseOfArray(map.Matrix);
            var chart = Grid($"{map.Name}, determinant {m.Determinant():0.00}", p => m * p);
            var decomposition = m.Evd();
            // A rotation has no real eigenvector; every vector is one of the identity.
            if (map.Name is "rotation" or "identity")
                return chart;
            var arrows = Enumerable.Range(0, 2)
                .Select(k => (Value: decomposition.EigenValues[k].Real, Vector: decomposition.EigenVectors.Column(k).Normalize(2)))
                .Where(pair => Math.Abs(pair.Value) > 1e-9)
                .Select(pair => (0.0, 0.0, pair.Value * pair.Vector[0], pair.Value * pair.Vector[1]));
            return chart.Arrows("λ·v for the eigenvectors v", arrows, color: 3, thickness: 3);
        });
        Chart.SavePanels(
            lesson.Output.File("transformation-linear.png", "a grid under matrices"), [.. charts], columns: 3, panelWidth: 500,
            panelHeight: 520);
        Console.WriteLine("A matrix maps lines to lines and keeps them parallel; it scales areas by its determinant, and eigenvectors keep "
            + "their direction.");
    }

    private static void Nonlinear(Lesson lesson)
    {
        var random = new Random(6);
        var w = Matrix<double>.Build.DenseOfArray(new[,] { { 1.0, 0.6 }, { -0.5, 1.0 } });
        var b = Vector<double>.Build.Dense([0.2, -0.1]);
        var w1 = Matrix<double>.Build.Dense(16, 2, (_, _) => 3.0 * (random.NextDouble() - 0.5));
        var b1 = Vector<double>.Build.Dense(16, _ => random.NextDouble() - 0.5);
        var w2 = Matrix<double>.Build.Dense(2, 16, (_, _) => 1.6 * (random.NextDouble() - 0.5));

        Chart[] charts =
        [
            Grid("W·x + b", p => w * p + b),
            Grid("tanh(W·x + b)", p => (w * p + b).PointwiseTanh()),
            Grid("ReLU(W·x + b)", p => (w * p + b).PointwiseMaximum(0)),
            Grid("three tanh layers", p => Enumerable.Repeat(0, 3).Aggregate(p, (x, _) => (1.2 * (w * x) + b).PointwiseTanh())),
            Grid("2 → 16 → 2 with tanh", p => w2 * (w1 * p + b1).PointwiseTanh()),
            Grid("2 → 16 → 2 with ReLU", p => 0.6 * (w2 * (w1 * p + b1).PointwiseMaximum(0))),
        ];
        Chart.SavePanels(
            lesson.Output.File("transformation-layers.png", "a grid under layers"), charts, columns: 3, panelWidth: 500, panelHeight: 520);
        Console.WriteLine("tanh maps the plane into a square, ReLU maps negative values to the axes. Two layers with either can "
            + "approximate any continuous map; products of matrices stay linear.");
    }

    // A straight grid of the latent space becomes a curved sheet among the images; seen along their first two principal components.
    private static double LatentSheet(Lesson lesson)
    {
        const int count = 21;
        var vae = lesson.Vae2;
        (double, double)[,] flat = new (double, double)[count, count], sheet = new (double, double)[count, count];
        var images = new float[count, count][];
        for (var row = 0; row < count; row++)
        {
            for (var column = 0; column < count; column++)
            {
                flat[row, column] = (At(column), At(row));
                images[row, column] = vae.Decode([(float)At(column), (float)At(row)]);
                var projected = lesson.Pca.Project(images[row, column], 2);
                sheet[row, column] = (projected[0], projected[1]);
            }
        }

        Chart.SavePanels(lesson.Output.File("transformation-latent.png", "a grid of the latent space, and its images"),
        [
            new Chart("A grid of the latent space", "latent dimension 1", "latent dimension 2", equalScale: true).Mesh(flat),
            new Chart("Its images, along PCA's components", "component 1", "component 2", equalScale: true).Mesh(sheet),
        ]);

        // The length of the path through the images relative to the distance of its ends, for the middle row.
        double length = 0;
        for (var column = 1; column < count; column++)
            length += Distance(images[count / 2, column - 1], images[count / 2, column]);
        var curvature = length / Distance(images[count / 2, 0], images[count / 2, count - 1]);
        Console.WriteLine($"A straight line across the latent space becomes a path through the images that is {curvature:0.0} times as "
            + $"long as the distance of its ends: the decoder bends space.");
        return curvature;

        static double At(int index) => -2.5 + 5.0 * index / (count - 1);
    }

    // Between two digits: mixed pixels show both at once, mixed latent vectors move the strokes.
    private static (double Mixture, double Path) Between(Lesson lesson)
    {
        const int steps = 10;
        var vae = lesson.Vae16;
        var digits = lesson.TestImages.OneOfEach();
        (int From, int To)[] pairs = [(7, 9), (4, 9), (0, 6)];
        var rows = pairs.SelectMany(pair =>
        {
            float[] from = vae.Decode(vae.Encode(digits[pair.From])), to = vae.Decode(vae.Encode(digits[pair.To]));
            var mixed = Enumerable.Range(0, steps).Select(i => from.Zip(to, (a, b) => float.Lerp(a, b, i / (steps - 1f))).ToArray());
            var path = Lesson.Images(vae.Interpolate(digits[pair.From], digits[pair.To], steps));
            return new[] { mixed.ToArray(), path };
        }).ToArray();
        lesson.SaveImages(
            "transformation-between.png", "between two digits: pixels and latent vectors", rows.SelectMany(row => row), columns: steps,
            rowCaptions: [.. Enumerable.Range(0, 2 * pairs.Length).Select(row => row % 2 == 0 ? "pixels" : "latent")], scale: 3);
        var (mixture, path) = (rows.Where((_, i) => i % 2 == 0).Average(row => Gray(row[steps / 2])), rows.Where((_, i) =>
            i % 2 == 1).Average(row => Gray(row[steps / 2])));
        Console.WriteLine($"Halfway between two digits {mixture:P1} of the pixels are gray (0.25 to 0.75) with mixed pixels, "
            + $"{path:P1} with mixed latent vectors.");
        return (mixture, path);
    }

    private static double Gray(float[] image) => image.Average(pixel => pixel is > 0.25f and < 0.75f ? 1.0 : 0);

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => (double)(x - y) * (x - y)).Sum());

    private static Chart Grid(string title, Func<Vector<double>, Vector<double>> map)
    {
        const int lines = 13, finer = 6;
        var nodes = (int row, int column) => map(Vector<double>.Build.Dense([At(column), At(row)]));
        var chart = new Chart(title, "", "", equalScale: true).Range(-2.2, 2.2, -2.2, 2.2);
        // Each line has many points, so that it can bend.
        for (var line = 0; line < lines; line++)
        {
            chart.Path([.. Enumerable.Range(0, finer * (lines - 1) + 1).Select(i => Point(nodes(line * finer, i)))], 0);
            chart.Path([.. Enumerable.Range(0, finer * (lines - 1) + 1).Select(i => Point(nodes(i, line * finer)))], 1);
        }

        return chart;

        static double At(int index) => -1.2 + 2.4 * index / (finer * (lines - 1));
        static (double, double) Point(Vector<double> p) => (p[0], p[1]);
    }
}
