using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;

namespace Module07;

/// <summary>The images, and the model that most sections sample from.</summary>
internal sealed class Lesson : ImageLesson
{
    private DiffusionTransformer? _model;

    public Lesson(SampleArguments arguments)
        : base(arguments, trainCount: arguments.Quick ? 1_000 : 10_000, testCount: arguments.Quick ? 200 : 1_000)
    {
        Classifier = new NearestNeighbors(LabeledImages.Read(Train, 4_000));
    }

    /// <summary>Predicts the classes of generated images.</summary>
    public NearestNeighbors Classifier { get; }

    /// <summary>The noise schedule of all models.</summary>
    public static NoiseScheduleOptions Cosine => new() { BetaSchedule = NoiseScheduleKind.Cosine };

    /// <summary>The model that <see cref="TrainingSection"/> trains: conditioned on the class, predicting the velocity.</summary>
    public DiffusionTransformer Model
    {
        get => _model ?? throw new InvalidOperationException("The model is not trained yet.");
        set => _model = Keep(value);
    }

    /// <summary>The number of steps of a sampler: fewer for a first look.</summary>
    public int Steps(int steps) => Quick ? Math.Max(2, steps / 10) : steps;

    /// <summary>The first test image of a class.</summary>
    public float[] Example(int label) => TestImages.Images[Array.IndexOf(TestImages.Labels, label)];

    /// <summary>The classes in turn.</summary>
    public static int[] LabelsInTurn(int count) => [.. Enumerable.Range(0, count).Select(i => i % Classes)];
}
