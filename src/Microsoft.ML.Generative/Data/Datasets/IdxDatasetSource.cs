using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>An image data set of four IDX files: images and labels to train on and to test with.</summary>
internal sealed record IdxDatasetSource : ImageDatasetSource
{
    public required DatasetFile TrainImages { get; init; }

    public required DatasetFile TrainLabels { get; init; }

    public required DatasetFile TestImages { get; init; }

    public required DatasetFile TestLabels { get; init; }

    public int TrainCount { get; init; } = 60_000;

    public int TestCount { get; init; } = 10_000;

    /// <summary>Shape of every image, which has one channel.</summary>
    public ImageShape Shape { get; init; } = new(1, 28, 28);

    public override IReadOnlyList<DatasetFile> Files => [TrainImages, TrainLabels, TestImages, TestLabels];

    public override (StoredImages Train, StoredImages Test) Read(
        IReadOnlyDictionary<string, string> paths, CancellationToken cancellationToken)
    {
        StoredImages train = Read(paths[TrainImages.Name], paths[TrainLabels.Name], TrainCount);
        cancellationToken.ThrowIfCancellationRequested();
        return (train, Read(paths[TestImages.Name], paths[TestLabels.Name], TestCount));
    }

    private StoredImages Read(string imagesPath, string labelsPath, int count)
    {
        // The labels first: they are small, and show as well as the images that a file is in the wrong place.
        var labels = IdxReader.Read(labelsPath, count);
        var outside = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(ClassNames.Count - 1));
        if (outside >= 0)
        {
            throw new InvalidDataException(
                $"'{labelsPath}' cannot be used: label {outside + 1:N0} is {labels[outside]}, expected 0 to {ClassNames.Count - 1}.");
        }

        return new StoredImages(IdxReader.Read(imagesPath, count, Shape.Height, Shape.Width), labels, Shape, ClassNames);
    }
}
