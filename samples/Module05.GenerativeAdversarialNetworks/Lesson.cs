using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module05;

/// <summary>
/// The images, the models that <see cref="ConditionalSection"/> and <see cref="DcganSection"/> train, and the evaluation of generated
/// images.
/// </summary>
internal sealed class Lesson(SampleArguments arguments)
    : ImageLesson(arguments, trainCount: arguments.Quick ? 1_500 : 10_000, testCount: arguments.Quick ? 300 : 2_000, "mnist")
{
    private ImageClassifierTransformer? _classifier;
    private GanTransformer? _generator;

    /// <summary>The number of images to generate for an evaluation: as many as there are test images.</summary>
    public int GeneratedCount => TestImages.Count;

    /// <summary>The classifier by whose features images are compared.</summary>
    public ImageClassifierTransformer Classifier
    {
        get => _classifier ?? throw new InvalidOperationException("The classifier is not trained yet.");
        set => _classifier = Keep(value);
    }

    /// <summary>A generator of digits without classes.</summary>
    public GanTransformer Generator
    {
        get => _generator ?? throw new InvalidOperationException("The generator is not trained yet.");
        set => _generator = Keep(value);
    }

    /// <summary>Compares images with the test images, and predicts the class of each.</summary>
    public Quality Evaluate(string name, IDataView images, string column = "Generated")
    {
        ImageGenerationMetrics metrics = ML.Generative().EvaluateImages(Test, images, Classifier, generatedColumnName: column);
        return new Quality(name, metrics, Classify(images, column));
    }

    /// <summary>The classes of images as the classifier predicts them, from 0.</summary>
    public int[] Classify(IDataView images, string column = "Generated")
    {
        IDataView input = column == "Image" ? images : ML.Transforms.CopyColumns("Image", column).Fit(images).Transform(images);
        // The key of class 0 is 1, as always in ML.NET.
        return [.. Classifier.Transform(input).GetColumn<uint>("PredictedLabel").Select(key => (int)key - 1)];
    }
}
