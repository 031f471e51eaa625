using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Runtime;
using Microsoft.ML.Transforms.Image;

namespace Microsoft.ML.Generative;

/// <summary>
/// Image data sets as rows. Every one has the columns <c>Image</c>, a vector of bytes (0 black, 255 white) that knows its shape, channels ×
/// height × width, and <c>Label</c>, a key of the classes whose key values are their names; the key of class 0 is 1, as always in
/// ML.NET. Obtained from <see cref="GenerativeCatalog.Datasets"/>.
/// </summary>
/// <remarks>
/// Files are looked for in the data set's folder within <see cref="GenerativeCatalog.DataDirectory"/>, with or without
/// <c>.gz</c>, then in the same folder within <c>/usr/share/datasets</c> on Linux, where Debian's packages put them. A file that is in
/// neither place is downloaded to the first, over HTTPS, and taken only with the size and SHA-256 that its authors' file has; an
/// interrupted download resumes where it stopped.
/// </remarks>
/// <example>
/// <code>
/// var mlContext = new MLContext(seed: 1);
/// IDataView synthetic = mlContext.Generative().Datasets.Digits(5_000);
/// DataOperationsCatalog.TrainTestData read = mlContext.Generative().Datasets.FashionMnist();
/// Console.WriteLine(read.TrainSet.GetRowCount());   // 60000
/// </code>
/// </example>
public sealed class DatasetCatalog
{
    // Of an image of a folder; more would be a mistake, and not fit into memory.
    private const int LongestSide = 8192;

    private readonly MLContext _context;
    private readonly Func<string> _dataDirectory;

    /// <param name="context">The context, whose seed decides where none is given.</param>
    /// <param name="dataDirectory">Finds <see cref="GenerativeCatalog.DataDirectory"/>, which may change.</param>
    internal DatasetCatalog(MLContext context, Func<string> dataDirectory)
    {
        _context = context;
        _dataDirectory = dataDirectory;
    }

    internal MLContext Context => _context;

    internal string DataDirectory => _dataDirectory();

    /// <summary>
    /// Synthetic handwritten digits: strokes of each digit's shape, in several styles, with slant, size, place,
    /// thickness and wobble at random. Needs no files.
    /// </summary>
    /// <param name="count">Number of rows. Any ten rows from a multiple of ten on show each digit once, in random order.</param>
    /// <param name="seed">
    /// Decides the images: the same seed gives the same bytes on every machine, and the first rows do not depend on
    /// <paramref name="count"/>. Null takes the seed of the <see cref="MLContext"/>, and if that has none, a new one each time.
    /// </param>
    /// <returns>Rows that are computed when they are read, the same in each pass; they take no memory.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    /// <example>
    /// <code>
    /// IDataView digits = mlContext.Generative().Datasets.Digits(count: 10_000, seed: 1);
    /// var split = mlContext.Data.TrainTestSplit(digits);
    /// </code>
    /// </example>
    public IDataView Digits(int count = 10_000, int? seed = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return new ByteImageDataView(new SyntheticDigits(count, SeedSequence.Choose(_context, seed)));
    }

    /// <summary>
    /// MNIST: handwritten digits, 60,000 to train on and 10,000 to test with. 11 MB to download.
    /// </summary>
    /// <param name="progress">Receives, on another thread, how far a download has come; not used when the files are there.</param>
    /// <param name="cancellationToken">Stops a download; what has arrived is kept for the next.</param>
    /// <returns>Training and test rows, in memory (47 MB and 8 MB).</returns>
    /// <exception cref="FileNotFoundException">
    /// Files are missing and cannot be downloaded; the message says which and where to put them.
    /// </exception>
    /// <exception cref="InvalidDataException">A file is damaged or another than it should be; the message says which and why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was canceled.</exception>
    /// <remarks>
    /// Key values "0" to "9". Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    /// recognition", Proceedings of the IEEE, 1998.
    /// </remarks>
    /// <example>
    /// <code>
    /// var mnist = mlContext.Generative().Datasets.Mnist();
    /// Console.WriteLine(mnist.TestSet.GetRowCount());   // 10000
    /// </code>
    /// </example>
    public DataOperationsCatalog.TrainTestData Mnist(
        IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Load(ImageDatasetSources.Mnist, progress, cancellationToken);

    /// <summary>
    /// Fashion-MNIST: images of clothes, 60,000 to train on and 10,000 to test with. 31 MB to download; on Debian the package
    /// <c>dataset-fashion-mnist</c> has it.
    /// </summary>
    /// <inheritdoc cref="Mnist" path="/param"/>
    /// <inheritdoc cref="Mnist" path="/returns"/>
    /// <inheritdoc cref="Mnist" path="/exception"/>
    /// <remarks>
    /// Key values "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot".
    /// H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017.
    /// </remarks>
    /// <example>
    /// <code>
    /// var clothes = mlContext.Generative().Datasets.FashionMnist(new Progress&lt;DownloadProgress&gt;(p =&gt; Console.WriteLine(p)));
    /// </code>
    /// </example>
    public DataOperationsCatalog.TrainTestData FashionMnist(
        IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Load(ImageDatasetSources.FashionMnist, progress, cancellationToken);

    /// <summary>
    /// Kuzushiji-MNIST: cursive Japanese characters of ten kinds, 60,000 to train on and 10,000 to test with. 21 MB to download.
    /// </summary>
    /// <inheritdoc cref="Mnist" path="/param"/>
    /// <inheritdoc cref="Mnist" path="/returns"/>
    /// <inheritdoc cref="Mnist" path="/exception"/>
    /// <remarks>
    /// Key values are the readings: "o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo".
    /// T. Clanuwat and others, "Deep learning for classical Japanese literature", 2018; license CC BY-SA 4.0.
    /// </remarks>
    /// <example>
    /// <code>
    /// using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(5));
    /// var characters = mlContext.Generative().Datasets.Kmnist(cancellationToken: stop.Token);
    /// </code>
    /// </example>
    public DataOperationsCatalog.TrainTestData Kmnist(
        IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Load(ImageDatasetSources.Kmnist, progress, cancellationToken);

    /// <summary>
    /// CIFAR-10: color photographs of 32×32 pixels, 50,000 to train on and 10,000 to test with. 170 MB to download.
    /// </summary>
    /// <inheritdoc cref="Mnist" path="/param"/>
    /// <returns>Training and test rows, in memory (154 MB and 31 MB): planes of red, green and blue, 3×32×32 bytes a row.</returns>
    /// <inheritdoc cref="Mnist" path="/exception"/>
    /// <remarks>
    /// <para>
    /// Read from <c>cifar-10-batches-bin/data_batch_1.bin</c> to <c>data_batch_5.bin</c> and <c>test_batch.bin</c> in the data directory,
    /// which is where the authors' archive unpacks to; else from that archive, <c>cifar-10-batches-bin/cifar-10-binary.tar.gz</c>, which is
    /// what is downloaded and stays packed.
    /// </para>
    /// <para>
    /// Key values "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck".
    /// A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    /// </para>
    /// </remarks>
    /// <example>
    /// <code>
    /// var photographs = mlContext.Generative().Datasets.Cifar10();
    /// using var model = mlContext.Transforms.Generative().VqVae("Image").Fit(photographs.TrainSet);
    /// </code>
    /// </example>
    public DataOperationsCatalog.TrainTestData Cifar10(
        IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Load(ImageDatasetSources.Cifar10, progress, cancellationToken);

    /// <summary>
    /// Images in a folder, brought to one size. Where they lie in sub-folders, at any depth, the name of the first sub-folder is the label;
    /// where they lie in the folder itself, there is no column <c>Label</c>.
    /// </summary>
    /// <param name="path">
    /// The folder. Files that end in .bmp, .gif, .ico, .jfif, .jpe, .jpeg, .jpg, .png, .wbmp or .webp are images; others, and names that
    /// begin with a dot, are passed over.
    /// </param>
    /// <param name="imageWidth">Columns of every image, 1 to 8,192.</param>
    /// <param name="imageHeight">Rows of every image, 1 to 8,192.</param>
    /// <param name="channels">3 for planes of red, green and blue, or 1 for gray (ITU-R BT.601 luma).</param>
    /// <param name="resizing">
    /// What to do where width and height are in another proportion: take as much of the middle as fits
    /// (<see cref="ImageResizingEstimator.ResizingKind.IsoCrop"/>), put black around the whole image
    /// (<see cref="ImageResizingEstimator.ResizingKind.IsoPad"/>), or stretch it (<see cref="ImageResizingEstimator.ResizingKind.Fill"/>).
    /// </param>
    /// <returns>
    /// Rows in ordinal order of their paths. An image is decoded when its value is asked for, each time again; a training that has memory
    /// for all of them asks once.
    /// </returns>
    /// <remarks>
    /// Resizing is bilinear with antialiasing, as in Pillow and PyTorch. Images are turned upright as their EXIF orientation says, with a
    /// warning in the log for the first of them, since ML.NET's <c>LoadImages</c> leaves them as they lie: do not mix the two. Transparent
    /// parts become black; of an animation the first image counts. Two folders with the same sub-folders have the same keys, also where
    /// some have no images; models match them by name in any case. Links to files
    /// are read; a link to a folder is an error, since it may lead round in circles. A file that cannot be read, is cut off, or is damaged
    /// where its format shows it, is an <see cref="InvalidDataException"/> or <see cref="IOException"/> that names it, when its row is
    /// read. Other damage cannot be seen: a JPEG whose compressed pixels are damaged is decoded to other pixels.
    /// </remarks>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="ArgumentException">
    /// An argument is out of its range; or the folder has no images, both images and sub-folders with images, or a link to a folder in it.
    /// </exception>
    /// <example>
    /// <code>
    /// // flowers/rose/1.jpg, flowers/tulip/2.png, …
    /// IDataView flowers = mlContext.Generative().Datasets.ImageFolder("flowers", imageWidth: 32, imageHeight: 32);
    /// using var model = mlContext.Transforms.Generative().Vae(new VaeOptions
    /// {
    ///     Network = VaeNetworkKind.Convolutional,
    ///     LabelColumnName = "Label",
    /// }).Fit(flowers);
    /// </code>
    /// </example>
    public IDataView ImageFolder(
        string path, int imageWidth, int imageHeight, int channels = 3,
        ImageResizingEstimator.ResizingKind resizing = ImageResizingEstimator.ResizingKind.IsoCrop)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        OptionChecks.Between(imageWidth, 1, LongestSide);
        OptionChecks.Between(imageHeight, 1, LongestSide);
        if (channels is not (1 or 3))
        {
            throw new ArgumentOutOfRangeException(
                nameof(channels), channels, "Images are read with 1 channel (gray) or 3 (red, green, blue).");
        }

        OptionChecks.Defined(resizing);
        var reader = new ImageReader(new ImageShape(channels, imageHeight, imageWidth), resizing, Warn);
        return new ByteImageDataView(new FolderImages(ImageFolderFiles.Find(path), reader));
    }

    private void Warn(string message)
    {
        using IChannel channel = ((IChannelProvider)_context).Start(nameof(ImageFolder));
        channel.Warning(message);
    }

    private DataOperationsCatalog.TrainTestData Load(
        ImageDatasetSource source, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        ImageDatasetLoader loader = new(_dataDirectory(), ImageDatasetLoader.DefaultSystemFolders, DatasetDownloader.Default);
        var (train, test) = loader.Load(source, progress, cancellationToken);
        return DataInterop.Pair(new ByteImageDataView(train), new ByteImageDataView(test));
    }
}
