namespace Microsoft.ML.Generative;

/// <summary>A file of a data set: what a download of it must be, to the byte.</summary>
/// <param name="Name">Its name, in gzip form with <c>.gz</c> at the end.</param>
/// <param name="Size">Bytes of the download.</param>
/// <param name="Sha256">SHA-256 of the download, in lower-case hexadecimal.</param>
internal sealed record DatasetFile(string Name, long Size, string Sha256);

/// <summary>An image data set of four IDX files: images and labels to train on and to test with.</summary>
internal sealed record ImageDatasetSource
{
    /// <summary>Name for people.</summary>
    public required string Title { get; init; }

    /// <summary>Name of its folder in the data directory.</summary>
    public required string Folder { get; init; }

    /// <summary>Where its files are downloaded from; ends with a slash.</summary>
    public required Uri BaseAddress { get; init; }

    public required DatasetFile TrainImages { get; init; }

    public required DatasetFile TrainLabels { get; init; }

    public required DatasetFile TestImages { get; init; }

    public required DatasetFile TestLabels { get; init; }

    public required IReadOnlyList<string> ClassNames { get; init; }

    public int TrainCount { get; init; } = 60_000;

    public int TestCount { get; init; } = 10_000;

    public ImageShape Shape { get; init; } = new(1, 28, 28);

    public IEnumerable<DatasetFile> Files => [TrainImages, TrainLabels, TestImages, TestLabels];

    public Uri AddressOf(DatasetFile file) => new(BaseAddress, file.Name);
}
