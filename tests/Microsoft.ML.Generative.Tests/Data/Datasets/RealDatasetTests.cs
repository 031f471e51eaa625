using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The means and deviations are those that everybody normalizes these data sets with.</summary>
public class RealDatasetTests
{
    [DataFileFact(
        "mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz", "mnist/t10k-images-idx3-ubyte.gz",
        "mnist/t10k-labels-idx1-ubyte.gz")]
    public void MNIST_is_what_everybody_knows() =>
        Check(new MLContext().Generative().Datasets.Mnist(), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], [7, 2, 1, 0, 4], 0.1307, 0.3081, "9");

    [DataFileFact(
        "fashion-mnist/train-images-idx3-ubyte.gz", "fashion-mnist/train-labels-idx1-ubyte.gz", "fashion-mnist/t10k-images-idx3-ubyte.gz",
        "fashion-mnist/t10k-labels-idx1-ubyte.gz")]
    public void Fashion_MNIST_is_what_everybody_knows() =>
        Check(new MLContext().Generative().Datasets.FashionMnist(), [9, 0, 0, 3, 0], [9, 2, 1, 1, 6], 0.2860, 0.3530, "Ankle boot");

    [DataFileFact(
        "kmnist/train-images-idx3-ubyte.gz", "kmnist/train-labels-idx1-ubyte.gz", "kmnist/t10k-images-idx3-ubyte.gz",
        "kmnist/t10k-labels-idx1-ubyte.gz")]
    public void KMNIST_is_what_everybody_knows() =>
        Check(new MLContext().Generative().Datasets.Kmnist(), [], [], 0.1918, 0.3483, "wo");

    [DataFileFact("cifar10-sample/train_1000.bin.gz", "cifar10-sample/test_1000.bin.gz")]
    public void A_sample_of_CIFAR_10_has_its_colors_and_classes()
    {
        foreach (var name in new[] { "train", "test" })
        {
            var (classes, pixels) = (new byte[1000], new byte[1000 * CifarReader.Shape.Size]);
            CifarReader.Read(DataFile.Find($"cifar10-sample/{name}_1000.bin.gz")!, 10, classes, pixels);

            Assert.All(classes.CountBy(c => c), count => Assert.Equal(100, count.Value));
            CheckColors(pixels, tolerance: 0.02);
        }
    }

    [DataFileFact(
        "cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-bin/data_batch_2.bin", "cifar-10-batches-bin/data_batch_3.bin",
        "cifar-10-batches-bin/data_batch_4.bin", "cifar-10-batches-bin/data_batch_5.bin", "cifar-10-batches-bin/test_batch.bin")]
    public void CIFAR_10_is_what_everybody_knows()
    {
        var data = new MLContext().Generative().Datasets.Cifar10();
        var (train, test) = ((ByteImageDataView)data.TrainSet, (ByteImageDataView)data.TestSet);

        Assert.Equal((50_000, 10_000), (train.GetRowCount(), test.GetRowCount()));
        // A frog, two trucks, a deer, an automobile; a cat, two ships, an airplane, a frog.
        Assert.Equal([6, 9, 9, 4, 1], train.Classes[..5].ToArray());
        Assert.Equal([3, 8, 8, 0, 6], test.Classes[..5].ToArray());
        CheckColors(train.Pixels.Span, tolerance: 1e-4);
    }

    private static void CheckColors(ReadOnlySpan<byte> pixels, double tolerance)
    {
        foreach (var (channel, mean, deviation) in new[] { (0, 0.4914, 0.2470), (1, 0.4822, 0.2435), (2, 0.4465, 0.2616) })
        {
            long sum = 0, squares = 0, count = 0;
            for (var image = 0; image < pixels.Length; image += 3 * 1024)
            {
                foreach (var value in pixels.Slice(image + channel * 1024, 1024))
                    (sum, squares, count) = (sum + value, squares + value * value, count + 1);
            }
            var average = sum / 255.0 / count;
            Assert.Equal(mean, average, tolerance);
            Assert.Equal(deviation, Math.Sqrt(squares / (255.0 * 255.0) / count - average * average), tolerance);
        }
    }

    private static void Check(
        DataOperationsCatalog.TrainTestData data, byte[] firstTrain, byte[] firstTest, double mean, double deviation, string lastClass)
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
