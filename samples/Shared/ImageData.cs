using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

namespace Samples.Shared;

/// <summary>The images that a lesson is about: 28×28 bytes in the column Image, a key in the column Label.</summary>
/// <param name="Name">mnist, fashion-mnist or digits.</param>
/// <param name="Train">The training images.</param>
/// <param name="Test">The test images.</param>
public sealed record ImageData(string Name, IDataView Train, IDataView Test)
{
    /// <summary>The name of each class.</summary>
    public string[] ClassNames()
    {
        VBuffer<ReadOnlyMemory<char>> names = default;
        Train.Schema["Label"].GetKeyValues(ref names);
        return [.. names.DenseValues().Select(name => name.ToString())];
    }

    /// <summary>Loads the first images of a data set.</summary>
    /// <param name="ml">The context.</param>
    /// <param name="name">
    /// mnist, fashion-mnist or digits; auto is the first of <paramref name="preferred"/> whose files exist, else digits.
    /// </param>
    /// <param name="trainCount">The number of training images.</param>
    /// <param name="testCount">The number of test images.</param>
    /// <param name="preferred">The data sets that auto looks for.</param>
    /// <param name="cancellation">Cancels a download.</param>
    public static ImageData Load(
        MLContext ml, string name, int trainCount, int testCount, IEnumerable<string>? preferred = null,
        CancellationToken cancellation = default)
    {
        string[] folders = [ml.Generative().DataDirectory, "/usr/share/datasets"];
        if (name == "auto")
            name = preferred?.FirstOrDefault(set => folders.Any(folder => Directory.Exists(Path.Combine(folder, set)))) ?? "digits";
        Console.WriteLine($"Images: {trainCount:N0} of {name} to train on, {testCount:N0} others to test with.");
        var datasets = ml.Generative().Datasets;
        if (name == "digits")
            return new ImageData(name, datasets.Digits(trainCount, seed: 1), datasets.Digits(testCount, seed: 2));

        var both = name == "mnist" ? datasets.Mnist(
            cancellationToken: cancellation) : datasets.FashionMnist(cancellationToken: cancellation);
        return new ImageData(name, ml.Data.TakeRows(both.TrainSet, trainCount), ml.Data.TakeRows(both.TestSet, testCount));
    }
}
