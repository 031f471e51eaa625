using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>Images in files, each decoded and resized when it is asked for.</summary>
internal sealed class FolderImages(ImageFolderFiles files, ImageReader reader) : IByteImageSource
{
    public int Count => files.Paths.Length;

    public ImageShape Shape => reader.Shape;

    public IReadOnlyList<string> ClassNames => files.ClassNames;

    public void CopyImage(int row, Span<byte> pixels) => reader.Read(files.Paths[row], pixels);

    public int ClassOf(int row) => files.Classes[row];
}
