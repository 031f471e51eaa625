using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The means and deviations are those that everybody normalises these data sets with.</summary>
public class RealDatasetTests
{
    [DataFileFact("mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz", "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz")]
    public void MNIST_is_what_everybody_knows() =>
        Check(new MLContext().Generative().Datasets.Mnist(), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], [7, 2, 1, 0, 4], 0.1307, 0.3081, "9");

    [DataFileFact("fashion-mnist/train-images-idx3-ubyte.gz", "fashion-mnist/train-labels-idx1-ubyte.gz", "fashion-mnist/t10k-images-idx3-ubyte.gz", "fashion-mnist/t10k-labels-idx1-ubyte.gz")]
    public void Fashion_MNIST_is_what_everybody_knows() =>
        Check(new MLContext().Generative().Datasets.FashionMnist(), [9, 0, 0, 3, 0], [9, 2, 1, 1, 6], 0.2860, 0.3530, "Ankle boot");

    [DataFileFact("kmnist/train-images-idx3-ubyte.gz", "kmnist/train-labels-idx1-ubyte.gz", "kmnist/t10k-images-idx3-ubyte.gz", "kmnist/t10k-labels-idx1-ubyte.gz")]
    public void KMNIST_is_what_everybody_knows() =>
        Check(new MLContext().Generative().Datasets.Kmnist(), [], [], 0.1918, 0.3483, "wo");

    private static void Check(DataOperationsCatalog.TrainTestData data, byte[] firstTrain, byte[] firstTest, double mean, double deviation, string lastClass)
    {
        var (train, test) = ((ByteImageDataView)data.TrainSet, (ByteImageDataView)data.TestSet);
        Assert.Equal(60_000, train.GetRowCount());
        Assert.Equal(10_000, test.GetRowCount());
        Assert.Equal(firstTrain, train.Classes[..firstTrain.Length].ToArray());
        Assert.Equal(firstTest, test.Classes[..firstTest.Length].ToArray());

        long sum = 0, squares = 0;
        foreach (var pixel in train.Pixels.Span)
        {
            sum += pixel;
            squares += pixel * pixel;
        }
        var average = sum / 255.0 / train.Pixels.Length;
        Assert.Equal(mean, average, 4);
        Assert.Equal(deviation, Math.Sqrt(squares / (255.0 * 255.0) / train.Pixels.Length - average * average), 4);

        VBuffer<ReadOnlyMemory<char>> names = default;
        train.Schema["Label"].GetKeyValues(ref names);
        Assert.Equal(lastClass, names.GetItemOrDefault(9).ToString());
        Assert.True(ImageShape.TryGet(train.Schema["Image"].Type, out var shape));
        Assert.Equal(new ImageShape(1, 28, 28), shape);
    }
}
