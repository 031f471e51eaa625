using MathNet.Numerics.LinearAlgebra;
using Samples.Shared;

namespace Module03;

/// <summary>Gradients: by formula, by automatic differentiation and by finite differences; and gradient descent.</summary>
internal static class GradientSection
{
    public sealed record Result(double AutogradError, double BestForwardStep, double BestCentralStep, double BestCentralError);

    private const int Coordinates = 12;

    private static readonly double[] _start = [-1.8, 1.5];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. Gradients");
        var result = Compare(lesson);
        Descent(lesson);
        return result;
    }

    private static Result Compare(Lesson lesson)
    {
        var random = new Random(4);
        var layer = new SoftmaxLayer(lesson.TestImages.Images[..50], lesson.TestImages.Labels[..50]);
        double[] w = [.. Enumerable.Range(0, Lesson.Pixels * Lesson.Classes).Select(_ => 0.1 * (random.NextDouble() - 0.5))];
        var formula = layer.GradientByFormula(w);
        var autograd = layer.GradientByAutograd(w);
        var autogradError = formula.Zip(autograd, (a, b) => Math.Abs(a - b)).Max();
        Console.WriteLine($"Loss of a softmax layer with {w.Length} weights on 50 digits: {layer.Loss(w):0.0000} nats. Its gradient by "
            + $"formula and by autograd differ by at most {autogradError:0.0e+0}.");

        // Pixels at the border are black in all images; their weights have the gradient 0.
        int[] chosen = [.. Enumerable.Range(0, w.Length).Where(i => Math.Abs(formula[i]) > 0.01).OrderBy(_ => random.Next())
            .Take(Coordinates)];
        var single = Array.ConvertAll(w, value => (float)value);
        double[] steps = [.. Enumerable.Range(0, 25).Select(i => Math.Pow(10, -i / 2.0))];
        (double X, double Y)[] forward = Errors(h => i => (Moved(w, i, h, layer.Loss) - layer.Loss(w)) / h);
        (double X, double Y)[] central = Errors(h => i => (Moved(w, i, h, layer.Loss) - Moved(w, i, -h, layer.Loss)) / (2 * h));
        (double X, double Y)[] centralSingle = Errors(h =>
            i => (Moved(single, i, (float)h, layer.Loss) - Moved(single, i, (float)-h, layer.Loss)) / (2 * h));

        Console.WriteLine("Relative error of finite differences:");
        Console.WriteLine("  step h    forward    central    central, single precision");
        foreach (var i in Enumerable.Range(0, steps.Length).Where(i => i % 4 == 0))
            Console.WriteLine($"  {steps[i]:0e+00}     {forward[i].Y:0.0e+00}    {central[i].Y:0.0e+00}    {centralSingle[i].Y:0.0e+00}");
        var (bestForward, bestCentral) = (forward.MinBy(p => p.Y), central.MinBy(p => p.Y));
        Console.WriteLine($"Forward differences are best at h = {bestForward.X:0.0e+0} (error {bestForward.Y:0.0e+0}), central ones at "
            + $"{bestCentral.X:0.0e+0} ({bestCentral.Y:0.0e+0}): larger steps have a truncation error, smaller ones a rounding error.");

        new Chart("Finite differences against the formula", "step h", "mean relative error of the gradient", logX: true, logY: true)
            .Line("forward: (f(w + h) − f(w))/h", forward)
            .Line("central: (f(w + h) − f(w − h))/2h", central)
            .Line("central, single precision", centralSingle)
            .Line(null, [.. steps.Where(h => h > 1e-7).Select(h => (h, 0.2 * h))], color: 7, dashed: true)
            .Line(null, [.. steps.Where(h => h > 1e-4).Select(h => (h, 0.05 * h * h))], color: 7, dashed: true)
            .Text(3e-4, 1.5e-5, "~ h")
            .Text(3e-2, 2e-6, "~ h²")
            .Range(yLow: 1e-12, yHigh: 1e3)
            .Save(lesson.Output.File("gradient-steps.png", "the error of finite differences"));
        return new Result(autogradError, bestForward.X, bestCentral.X, bestCentral.Y);

        (double X, double Y)[] Errors(Func<double, Func<int, double>> difference) =>
            [.. steps.Select(h => (h, chosen.Average(i => Math.Abs(difference(h)(i) - formula[i]) / Math.Abs(formula[i]))))];
    }

    private static TLoss Moved<T, TLoss>(T[] w, int index, T by, Func<T[], TLoss> loss)
        where T : System.Numerics.INumber<T>
    {
        var moved = (T[])w.Clone();
        moved[index] += by;
        return loss(moved);
    }

    // f(p) = ½·pᵀ·A·p: the eigenvalues of A decide which learning rates converge.
    private static void Descent(Lesson lesson)
    {
        var a = Matrix<double>.Build.DenseOfArray(new[,] { { 3.0, 2.0 }, { 2.0, 6.0 } });
        var eigenvalues = a.Evd(Symmetricity.Symmetric).EigenValues.Select(value => value.Real).ToArray();
        var panels = ((double[])[0.05, 0.26, 0.295]).Select(rate =>
        {
            var p = Vector<double>.Build.DenseOfArray(_start);
            var path = new List<(double, double)>();
            for (var step = 0; step <= 20; step++)
            {
                path.Add((p[0], p[1]));
                p -= rate * (a * p);
            }

            var field = from x in Enumerable.Range(-4, 9)
                        from y in Enumerable.Range(-4, 9)
                        let g = a * Vector<double>.Build.Dense([x / 2.0, y / 2.0])
                        select (x / 2.0, y / 2.0, -0.03 * g[0], -0.03 * g[1]);
            return new Chart($"Gradient descent, rate {rate}", "w₁", "w₂", equalScale: true)
                .Contours((x, y) => (3 * x * x + 4 * x * y + 6 * y * y) / 2, (-2.3, 2.3), (-2.3, 2.3), 0.25, 1, 2, 4, 8, 12, 16)
                .Arrows("−gradient", field, color: 7, thickness: 1)
                .Line("20 steps", path, color: 3)
                .Range(-2.4, 2.4, -2.4, 2.4);
        });
        Chart.SavePanels(
            lesson.Output.File("gradient-descent.png", "gradient descent"), [.. panels], columns: 3, panelWidth: 520, panelHeight: 540);
        Console.WriteLine($"A quadratic function with the curvatures (eigenvalues) {eigenvalues[0]:0} and {eigenvalues[1]:0}: gradient "
            + $"descent converges for learning rates below 2/{eigenvalues[1]:0} = {2 / eigenvalues[1]:0.000}.");
    }
}
