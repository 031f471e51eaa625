using System.Globalization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Images;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative;

/// <summary>From a column of images to files, and to images of ML.NET.</summary>
/// <remarks>
/// A column of images is one of <see cref="MLImage"/>, or of vectors of Single in 0..1 (values beyond are cut off) or Byte, with the
/// dimensions channels × height × width in its type, as models of images and the library's data sets have: one channel is gray, three are
/// red, green and blue, a fourth is the opacity.
/// </remarks>
/// <example>
/// <code>
/// var mlContext = new MLContext(seed: 1);
/// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(mlContext.Generative().Datasets.Digits(10_000));
/// model.Generate(64).SaveImageGrid("digits.png", columns: 8);
/// model.Generate(64).SaveImages("digits");   // digits/00000.png, …
/// </code>
/// </example>
public static class ImageDataViewExtensions
{
    private const string DefaultColumnName = "Generated";

    /// <summary>
    /// Writes each row's image to a PNG file in a folder: <c>00000.png</c>, <c>00001.png</c> and so on, over files of these names.
    /// </summary>
    /// <param name="data">The rows.</param>
    /// <param name="folder">The folder; made where it is missing.</param>
    /// <param name="columnName">The column of images.</param>
    /// <param name="provenance">What the files say of their source: that a model generated them. Default: nothing.</param>
    /// <returns>The paths of the files, in the order of the rows.</returns>
    /// <exception cref="ArgumentException">The column is missing or holds no images.</exception>
    /// <exception cref="InvalidDataException">A row has no image, or values that are not finite.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public static IReadOnlyList<string> SaveImages(
        this IDataView data, string folder, string columnName = DefaultColumnName, ImageProvenance? provenance = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        IEnumerable<MLImage> images = ImageRows.Read(data, columnName);
        Directory.CreateDirectory(folder);
        List<string> paths = [];
        foreach (MLImage image in images)
        {
            using (image)
            {
                string path = Path.Combine(folder, $"{paths.Count.ToString("D5", CultureInfo.InvariantCulture)}.png");
                AtomicFile.Write(path, stream => stream.Write(With(provenance, ImageGrid.ToPng(image))));
                paths.Add(path);
            }
        }

        return paths;
    }

    /// <summary>Writes all rows' images side by side to one PNG file.</summary>
    /// <param name="data">The rows: images of one size.</param>
    /// <param name="path">The file, which ends in .png; its folder is made where it is missing.</param>
    /// <param name="columns">Images in a row, at least 1.</param>
    /// <param name="columnName">The column of images.</param>
    /// <param name="provenance">What the file says of its source: that a model generated it. Default: nothing.</param>
    /// <exception cref="ArgumentException">
    /// The column is missing or holds no images, the images have different sizes, there are none or too many, or an argument is out of its
    /// range.
    /// </exception>
    /// <exception cref="InvalidDataException">A row has no image, or values that are not finite.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void SaveImageGrid(
        this IDataView data, string path, int columns = 8, string columnName = DefaultColumnName, ImageProvenance? provenance = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        if (!string.Equals(Path.GetExtension(path), ".png", StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"The path is '{path}'; expected a name that ends in .png.", nameof(path));
        List<MLImage> images = [];
        try
        {
            images.AddRange(ImageRows.Read(data, columnName));
            byte[] png = With(provenance, ImageGrid.ToPng(images, columns).Png);
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            AtomicFile.Write(path, stream => stream.Write(png));
        }
        finally
        {
            images.ForEach(image => image.Dispose());
        }
    }

    /// <summary>The rows' images, each made when it is asked for. Dispose of them.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="columnName">The column of images.</param>
    /// <exception cref="ArgumentException">The column is missing or holds no images.</exception>
    public static IEnumerable<MLImage> ToMLImages(this IDataView data, string columnName = DefaultColumnName) =>
        ImageRows.Read(data, columnName);

    private static byte[] With(ImageProvenance? provenance, byte[] png) => provenance?.AddTo(png) ?? png;
}
