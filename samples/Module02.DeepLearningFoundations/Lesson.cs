using Samples.Shared;

namespace Module02;

/// <summary>The images as numbers, and the MLP that <see cref="ForwardSection"/> trains.</summary>
internal sealed class Lesson : ImageLesson
{
    private Mlp? _trained;

    public Lesson(SampleArguments arguments)
        : base(arguments, trainCount: arguments.Quick ? 1_500 : 10_000, testCount: arguments.Quick ? 500 : 2_000, "mnist")
    {
        TrainVectors = Doubles(TrainImages);
        TestVectors = Doubles(TestImages);
    }

    /// <summary>The training images in double precision.</summary>
    public double[][] TrainVectors { get; }

    public double[][] TestVectors { get; }

    public int[] TrainLabels => TrainImages.Labels;

    public int[] TestLabels => TestImages.Labels;

    /// <summary>The trained MLP.</summary>
    public Mlp Trained
    {
        get => _trained ?? throw new InvalidOperationException("The MLP is not trained yet.");
        set => _trained = value;
    }

    /// <summary>An MLP with random weights, always the same.</summary>
    public Mlp NewMlp() => new(Pixels, hidden: Quick ? 32 : 64, Classes, seed: 1);

    /// <summary>The mean of every few values, to see a line in noise.</summary>
    public static (double X, double Y)[] Smooth(IReadOnlyList<double> values, int few) =>
        [.. values.Chunk(few).Select((part, i) => ((i + 0.5) * few, part.Average()))];

    private static double[][] Doubles(LabeledImages images) =>
        [.. images.Images.Select(image => Array.ConvertAll(image, pixel => (double)pixel))];
}
