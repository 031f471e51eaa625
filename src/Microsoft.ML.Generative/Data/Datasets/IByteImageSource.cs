using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Images of one shape, one byte a value, each with a class where there are classes. Implementations answer any row at any time, from any
/// thread.
/// </summary>
internal interface IByteImageSource
{
    /// <summary>Number of images.</summary>
    int Count { get; }

    /// <summary>Shape of every image.</summary>
    ImageShape Shape { get; }

    /// <summary>Name of each class; empty where the images have none.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>Writes the image of a row; <paramref name="pixels"/> has the size of one image and any content.</summary>
    void CopyImage(int row, Span<byte> pixels);

    /// <summary>Class of a row, from 0; not asked for where there are no classes.</summary>
    int ClassOf(int row);
}
