using Microsoft.ML;
using Microsoft.ML.Data;

namespace Samples.Shared;

/// <summary>
/// What the sections of a lesson about images share: 28×28 bytes in the column Image, one of ten classes in the column Label.
/// </summary>
public abstract class ImageLesson : SampleLesson
{
    /// <summary>Height and width of an image in pixels.</summary>
    public const int Side = 28;

    /// <summary>Pixels of an image.</summary>
    public const int Pixels = Side * Side;

    /// <summary>The number of classes.</summary>
    public const int Classes = 10;

    private readonly ImageData _data;
    private readonly Lazy<LabeledImages> _trainImages;
    private readonly Lazy<LabeledImages> _testImages;

    /// <summary>Loads the images.</summary>
    /// <param name="arguments">What the command line asks for.</param>
    /// <param name="trainCount">Images to train on.</param>
    /// <param name="testCount">Images to test with.</param>
    /// <param name="preferred">The data sets that <c>--data auto</c> looks for, before digits.</param>
    protected ImageLesson(SampleArguments arguments, int trainCount, int testCount, params string[] preferred)
        : base(arguments)
    {
        _data = ImageData.Load(ML, arguments.Data, trainCount, testCount, preferred, arguments.Cancellation);
        ClassNames = _data.ClassNames();
        _trainImages = new(() => LabeledImages.Read(Train));
        _testImages = new(() => LabeledImages.Read(Test));
    }

    /// <summary>mnist, fashion-mnist or digits.</summary>
    public string DataName => _data.Name;

    /// <summary>The images to train on.</summary>
    public IDataView Train => _data.Train;

    /// <summary>The images to test with.</summary>
    public IDataView Test => _data.Test;

    /// <summary>The name of each class.</summary>
    public string[] ClassNames { get; }

    /// <summary>The images to train on, as values in 0..1.</summary>
    public LabeledImages TrainImages => _trainImages.Value;

    /// <summary>The images to test with, as values in 0..1.</summary>
    public LabeledImages TestImages => _testImages.Value;

    /// <summary>The first vectors of a column: generated images, unless it is another column.</summary>
    public static float[][] Images(IDataView data, string column = "Generated", int count = int.MaxValue) =>
        [.. data.GetColumn<float[]>(column).Take(count)];

    /// <summary>Writes images as one file, with the description as its title.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="description">What it shows.</param>
    /// <param name="images">The images, row by row.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="rowCaptions">Text left of the rows.</param>
    /// <param name="columnCaptions">Text above the columns.</param>
    /// <param name="scale">How many pixels of the sheet show one pixel of the image, in each direction.</param>
    /// <param name="padding">White pixels around and between images.</param>
    public void SaveImages(
        string file, string description, IEnumerable<float[]> images, int columns,
        IReadOnlyList<string>? rowCaptions = null, IReadOnlyList<string>? columnCaptions = null, int scale = 2, int padding = 3) =>
        ImageSheet.Save(
            Output.File(file, description), images, 1, Side, Side, columns, padding, scale, columnCaptions, rowCaptions,
            title: char.ToUpperInvariant(description[0]) + description[1..]);
}
