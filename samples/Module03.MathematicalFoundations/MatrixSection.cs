using MathNet.Numerics.LinearAlgebra;
using Samples.Shared;
using TorchSharp;

namespace Module03;

/// <summary>Images as matrices, batches as matrices, and a layer as a matmul.</summary>
internal static class MatrixSection
{
    public sealed record Result(double LayerDifference, double MeanAccuracy);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Matrix operations");
        Operations(lesson);
        var accuracy = Similarities(lesson);
        return new Result(Layer(lesson), accuracy);
    }

    private static void Operations(Lesson lesson)
    {
        var image = lesson.TestImages.OneOfEach()[5];
        var x = Matrix<double>.Build.Dense(Lesson.Side, Lesson.Side, (row, column) => image[row * Lesson.Side + column]);
        var reverse = Matrix<double>.Build.Dense(Lesson.Side, Lesson.Side, (i, j) => i + j == Lesson.Side - 1 ? 1 : 0);
        var shift = Matrix<double>.Build.Dense(Lesson.Side, Lesson.Side, (i, j) => i == j + 6 ? 1 : 0);
        var blur = Matrix<double>.Build.Dense(Lesson.Side, Lesson.Side, (i, j) => Math.Abs(i - j) <= 2 ? 0.2 : 0);

        (string Name, Matrix<double> Image)[] results =
        [
            ("X", x),
            ("transposed", x.Transpose()),
            ("X·J", x * reverse),
            ("J·X", reverse * x),
            ("S·X", shift * x),
            ("B·X", blur * x),
            ("B·X·B", blur * x * blur),
            ("X minus B·X·B", x - blur * x * blur),
        ];
        lesson.SaveImages(
            "matrix-operations.png", "matrix operations on an image",
            results.Select(result => result.Image.ToRowMajorArray().Select(value => (float)value).ToArray()),
            columns: 8, columnCaptions: [.. results.Select(result => result.Name)], scale: 4, padding: 8);
        Console.WriteLine($"An image is a {Lesson.Side}×{Lesson.Side} matrix X: a matmul from the left combines rows (J·X flips "
            + $"vertically, S·X shifts down), from the right columns (X·J flips horizontally).");
        Console.WriteLine($"Flipping twice changes nothing: |X·J·J − X| = {(x * reverse * reverse - x).FrobeniusNorm():0.0}. Order "
            + $"matters: |J·X − X·J| = {(reverse * x - x * reverse).FrobeniusNorm():0.00}.");
    }

    // One matmul compares every test image with the mean of every digit.
    private static double Similarities(Lesson lesson)
    {
        var means = Matrix<double>.Build.Dense(Lesson.Classes, Lesson.Pixels);
        foreach (var digit in lesson.TrainImages.Labels.Index().GroupBy(pair => pair.Item))
        {
            foreach (var (index, _) in digit)
                means.SetRow(
                    digit.Key, means.Row(digit.Key) + Vector<double>.Build.Dense(Lesson.Pixels, i => lesson.TrainImages.Images[index][i]));
            means.SetRow(digit.Key, means.Row(digit.Key).Normalize(2));
        }

        var batch = Rows(lesson.TestImages.Images).NormalizeRows(2);
        var cosines = batch * means.Transpose();
        var table = new double[Lesson.Classes, Lesson.Classes];
        for (var digit = 0; digit < Lesson.Classes; digit++)
        {
            var rows = lesson.TestImages.Labels.Index().Where(pair => pair.Item == digit).Select(pair => pair.Index).ToArray();
            for (var mean = 0; mean < Lesson.Classes; mean++)
                table[digit, mean] = rows.Average(row => cosines[row, mean]);
        }

        new Chart("Cosine between test digits and the digits' means", "mean of", "test digit")
            .HeatMap(table, "mean cosine", lesson.ClassNames, "0.00")
            .Save(lesson.Output.File("matrix-cosines.png", "cosines between test digits and means"), 820, 700);
        var right = lesson.TestImages.Labels.Index().Count(pair => cosines.Row(pair.Index).MaximumIndex() == pair.Item);
        var accuracy = (double)right / lesson.TestImages.Count;
        Console.WriteLine($"One matmul of the batch ({batch.RowCount}×{batch.ColumnCount}) with ten means "
            + $"({means.ColumnCount}×{means.RowCount}) gives all cosines; the largest belongs to the right digit for {accuracy:P1}.");
        return accuracy;
    }

    // The same layer tanh(X·W + b) three times: by loops, by MathNet, by libtorch.
    private static double Layer(Lesson lesson)
    {
        const int batchSize = 100, outputs = 16;
        var random = new Random(3);
        var x = Rows(lesson.TestImages.Images[..batchSize]);
        var w = Matrix<double>.Build.Dense(Lesson.Pixels, outputs, (_, _) => (random.NextDouble() - 0.5) / 14);
        var b = Vector<double>.Build.Dense(outputs, _ => random.NextDouble() - 0.5);

        var y = (x * w + Matrix<double>.Build.Dense(batchSize, outputs, (_, column) => b[column])).PointwiseTanh();

        var byLoops = Matrix<double>.Build.Dense(batchSize, outputs);
        for (var row = 0; row < batchSize; row++)
        {
            for (var output = 0; output < outputs; output++)
            {
                var sum = b[output];
                for (var i = 0; i < Lesson.Pixels; i++)
                    sum += x[row, i] * w[i, output];
                byLoops[row, output] = Math.Tanh(sum);
            }
        }

        using var scope = torch.NewDisposeScope();
        var weight = torch.tensor(w.Transpose().ToRowMajorArray(), [outputs, Lesson.Pixels]);
        var input = torch.tensor(x.ToRowMajorArray(), [batchSize, Lesson.Pixels]);
        var tensor = torch.nn.functional.linear(input, weight, torch.tensor(b.ToArray())).tanh();
        var byTorch = Matrix<double>.Build.DenseOfRowMajor(batchSize, outputs, tensor.data<double>().ToArray());

        var difference = Math.Max((y - byLoops).InfinityNorm(), (y - byTorch).InfinityNorm());
        Console.WriteLine($"A layer is tanh(X·W + b): {batchSize}×{Lesson.Pixels} times {Lesson.Pixels}×{outputs} gives "
            + $"{y.RowCount}×{y.ColumnCount}. Loops, MathNet and libtorch agree within {difference:0.0e+0}.");
        return difference;
    }

    private static Matrix<double> Rows(float[][] images) =>
        Matrix<double>.Build.Dense(images.Length, Lesson.Pixels, (row, column) => images[row][column]);
}
