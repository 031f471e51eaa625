namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// The data sets that can be downloaded. Sizes and hashes are those of the files as their authors published them; TensorFlow
/// Datasets and several other projects pin the same. Copies packed again (Debian's, for one) differ in the gzip header and are
/// judged by their content instead.
/// </summary>
internal static class ImageDatasetSources
{
    private const string TrainImagesName = "train-images-idx3-ubyte.gz";
    private const string TrainLabelsName = "train-labels-idx1-ubyte.gz";
    private const string TestImagesName = "t10k-images-idx3-ubyte.gz";
    private const string TestLabelsName = "t10k-labels-idx1-ubyte.gz";

    public static IdxDatasetSource Mnist { get; } = new()
    {
        Title = "MNIST",
        Folder = "mnist",
        // The mirror that PyTorch uses: the authors' own site refuses programs.
        BaseAddress = new("https://ossci-datasets.s3.amazonaws.com/mnist/"),
        TrainImages = new(TrainImagesName, 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        TrainLabels = new(TrainLabelsName, 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        TestImages = new(TestImagesName, 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        TestLabels = new(TestLabelsName, 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    };

    public static IdxDatasetSource FashionMnist { get; } = new()
    {
        Title = "Fashion-MNIST",
        Folder = "fashion-mnist",
        BaseAddress = new("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
        TrainImages = new(TrainImagesName, 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        TrainLabels = new(TrainLabelsName, 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        TestImages = new(TestImagesName, 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        TestLabels = new(TestLabelsName, 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ClassNames = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
    };

    public static IdxDatasetSource Kmnist { get; } = new()
    {
        Title = "Kuzushiji-MNIST",
        Folder = "kmnist",
        BaseAddress = new("https://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        TrainImages = new(TrainImagesName, 18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
        TrainLabels = new(TrainLabelsName, 29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        TestImages = new(TestImagesName, 3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
        TestLabels = new(TestLabelsName, 5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ClassNames = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    };

    public static CifarDatasetSource Cifar10 { get; } = new()
    {
        Title = "CIFAR-10",
        // That of the archive, so that it may be unpacked in the data directory.
        Folder = "cifar-10-batches-bin",
        BaseAddress = new("https://www.cs.toronto.edu/~kriz/"),
        Archive = new("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
        ClassNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    };
}
