using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Trainers;
using Samples.Shared;

namespace Module01;

/// <summary>The images as ML.NET's trainers read them, and the two models of them that <see cref="ClassesSection"/> trains.</summary>
internal sealed class Lesson : ImageLesson
{
    private MulticlassPredictionTransformer<MaximumEntropyModelParameters>? _classifier;
    private VaeTransformer? _generator;

    public Lesson(SampleArguments arguments)
        : base(arguments, trainCount: arguments.Quick ? 2_000 : 10_000, testCount: arguments.Quick ? 300 : 2_000)
    {
        TrainRows = Rows(TrainImages.Images, TrainImages.Labels);
        TestRows = Rows(TestImages.Images, TestImages.Labels);
    }

    /// <summary>784 values in 0..1 in the column Image, and the class in the column Label.</summary>
    public IDataView TrainRows { get; }

    public IDataView TestRows { get; }

    /// <summary>p(class | image).</summary>
    public MulticlassPredictionTransformer<MaximumEntropyModelParameters> Classifier
    {
        get => _classifier ?? throw new InvalidOperationException("The classifier is not trained yet.");
        set => _classifier = value;
    }

    /// <summary>p(image | class).</summary>
    public VaeTransformer Generator
    {
        get => _generator ?? throw new InvalidOperationException("The generative model is not trained yet.");
        set => _generator = Keep(value);
    }

    public IDataView Rows(IEnumerable<float[]> images, IEnumerable<int> labels) =>
        ML.Data.LoadFromEnumerable(images.Zip(labels, (image, label) => new ImageRow { Image = image, Label = (uint)label }).ToArray());

    public IDataView Rows(IEnumerable<float[]> images, int label) => Rows(images, Enumerable.Repeat(label, int.MaxValue));

    private sealed class ImageRow
    {
        [VectorType(1, Side, Side)]
        public float[] Image { get; set; } = [];

        // Counted from 0 in objects that ML.NET reads, although the key of class 0 is then 1.
        [KeyType(Classes)]
        public uint Label { get; set; }
    }
}
