using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module08;

/// <summary>The images, and the models that several sections use.</summary>
internal sealed class Lesson : ImageLesson
{
    private DiffusionTransformer? _model;

    public Lesson(SampleArguments arguments)
        : base(arguments, trainCount: arguments.Quick ? 500 : 6_000, testCount: arguments.Quick ? 100 : 500)
    {
        Judge = new NearestNeighbor(LabeledImages.Read(Train, 3_000));
    }

    /// <summary>Predicts the classes of images; no model has learned from what it says.</summary>
    public NearestNeighbor Judge { get; }

    /// <summary>The diffusion model that <see cref="ImageSection"/> trains, before any reward.</summary>
    public DiffusionTransformer Model
    {
        get => _model ?? throw new InvalidOperationException("The model is not trained yet.");
        set => _model = Keep(value);
    }

    /// <summary>The classes in turn.</summary>
    public static int[] LabelsInTurn(int count) => [.. Enumerable.Range(0, count).Select(i => i % Classes)];
}
