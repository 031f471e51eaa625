namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>An image data set: where its files come from and how they are read.</summary>
internal abstract record ImageDatasetSource
{
    /// <summary>Name for people.</summary>
    public required string Title { get; init; }

    /// <summary>Name of its folder in the data directory.</summary>
    public required string Folder { get; init; }

    /// <summary>Where its files are downloaded from; ends with a slash.</summary>
    public required Uri BaseAddress { get; init; }

    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>The files to download.</summary>
    public abstract IReadOnlyList<DatasetFile> Files { get; }

    /// <summary>Names of the files that serve instead, if all of them are there: what is in an archive, unpacked.</summary>
    public virtual IReadOnlyList<string> UnpackedFiles => [];

    public Uri AddressOf(DatasetFile file) => new(BaseAddress, file.Name);

    /// <summary>Reads the data set.</summary>
    /// <param name="paths">For the name of each of <see cref="Files"/>, or of each of <see cref="UnpackedFiles"/>, where it is.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    /// <exception cref="InvalidDataException">A file is not what it should be; the message names it.</exception>
    public abstract (StoredImages Train, StoredImages Test) Read(
        IReadOnlyDictionary<string, string> paths, CancellationToken cancellationToken);
}
