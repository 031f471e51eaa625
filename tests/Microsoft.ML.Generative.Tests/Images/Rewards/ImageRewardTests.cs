using Microsoft.ML.Data;
using SkiaSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageRewardTests
{
    private const int Side = 8;

    [Fact]
    public void A_function_sees_pixels_where_they_are()
    {
        MLContext ml = new(seed: 1);
        float[] values = [.. Enumerable.Range(0, 2 * Side * Side).Select(i => i / 200f)];
        IDataView data = ml.Data.LoadFromEnumerable([new TwoPlanes { Image = values }]);
        ImageReward reward = ImageReward.FromFunction(image =>
        {
            Assert.Equal((2, Side, Side), (image.Channels, image.Height, image.Width));
            Assert.Equal(values, image.Values.ToArray());
            Assert.Null(image.ClassName);
            Assert.Throws<ArgumentOutOfRangeException>(() => image[2, 0, 0]);
            return image[1, 2, 3];
        });
        Assert.Equal((Side * Side + 2 * Side + 3) / 200f, reward.Score(data, "Image")[0], 1e-6);
    }

    [Fact]
    public void A_reward_that_is_not_finite_is_named_by_its_image()
    {
        ImageReward reward = ImageReward.FromFunction(image => image[0, 0, 0] > 0.5 ? double.NaN : 1);
        var error = Assert.Throws<InvalidOperationException>(() => reward.Score(Grays(new MLContext(), 0.1f, 0.9f), "Image"));
        Assert.Contains("The reward of image 1 is NaN", error.Message);
    }

    [Fact]
    public void The_size_of_a_file_is_that_of_SkiaSharps_JPEG()
    {
        var random = new Random(1);
        MLContext ml = new();
        float[] noise = [.. Enumerable.Range(0, Side * Side).Select(_ => random.NextSingle())];
        IDataView data = ml.Data.LoadFromEnumerable([new Gray { Image = noise }, new Gray { Image = new float[Side * Side] }]);
        IReadOnlyList<double> sizes = ImageReward.CompressedSize(quality: 80).Score(data, "Image");
        Assert.True(sizes[0] > sizes[1]);

        using var bitmap = new SKBitmap(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (int i = 0; i < noise.Length; i++)
        {
            byte level = (byte)MathF.Round(noise[i] * 255);
            bitmap.SetPixel(i % Side, i / Side, new SKColor(level, level, level));
        }

        using SKData file = bitmap.Encode(SKEncodedImageFormat.Jpeg, 80);
        Assert.Equal(file.Size / 1000.0, sizes[0]);
        Assert.ThrowsAny<ArgumentException>(() => ImageReward.CompressedSize(0));
    }

    [Fact]
    public void A_model_that_drops_rows_is_refused()
    {
        ImageReward reward = ImageReward.FromModel(new FirstRow(), scoreColumnName: "Score");
        var error = Assert.Throws<InvalidOperationException>(() => reward.Score(Grays(new MLContext(), 0.1f, 0.9f), "Image"));
        Assert.Contains("1 scores for 2 images", error.Message);
    }

    [Fact]
    public void Weighted_rewards_are_summed()
    {
        ImageReward first = ImageReward.FromFunction(image => image[0, 0, 0]), two = ImageReward.FromFunction(_ => 2);
        ImageReward sum = ImageReward.Weighted((10, first), (-0.5, two));
        Assert.Equal([0, 4], sum.Score(Grays(new MLContext(), 0.1f, 0.5f), "Image").Select(r => Math.Round(r, 5)));
        Assert.Contains("no reward", Assert.Throws<ArgumentException>(() => ImageReward.Weighted()).Message);
        Assert.Contains("NaN", Assert.Throws<ArgumentException>(() => ImageReward.Weighted((double.NaN, two))).Message);
    }

    [Fact]
    public void A_pipeline_of_ones_own_scores_images()
    {
        MLContext ml = new(seed: 1);
        ITransformer brightness = ml.Transforms.CustomMapping<Gray, Scored>((row, output) => output.Brightness = row.Image.Average(), null)
            .Fit(Grays(ml, 0));
        IDataView data = Grays(ml, 0.25f, 0.75f);
        IReadOnlyList<double> scores = ImageReward.FromModel(brightness, scoreColumnName: "Brightness").Score(data, "Image");
        Assert.Equal(0.25, scores[0], 1e-6);
        Assert.Equal(0.75, scores[1], 1e-6);

        var error = Assert.Throws<ArgumentException>(() => ImageReward.FromModel(brightness).Score(data, "Image"));
        Assert.Contains("adds no column 'Score'", error.Message);
        Assert.Contains("'Brightness'", error.Message);
        error = Assert.Throws<ArgumentException>(() => ImageReward.FromModel(brightness, scoreColumnName: "Text").Score(data, "Image"));
        Assert.Contains("expected Single", error.Message);
    }

    [Fact]
    public void An_image_classifier_scores_the_class_that_is_named_or_that_of_the_image()
    {
        MLContext ml = new(seed: 1);
        IDataView data = LabeledImages.WithTextKeys(ml, 12);
        using ImageClassifierTransformer classifier = ml.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            LabelColumnName = "Side",
            InputColumnName = "Pixels",
            BaseChannels = 4,
            Stages = 2,
            Epochs = 1,
            BatchSize = 8,
        }).Fit(data);
        IDataView scored = classifier.Transform(data);
        float[][] probabilities = [.. scored.GetColumn<float[]>("Score")];
        VBuffer<ReadOnlyMemory<char>> names = default;
        scored.Schema["Score"].GetSlotNames(ref names);
        string[] classes = [.. names.DenseValues().Select(name => name.ToString())];

        ImageReward second = ImageReward.FromModel(classifier, classes[1], imageColumnName: "Pixels");
        Assert.Equal(probabilities.Select(p => (double)p[1]), second.Score(data, "Pixels"));

        ImageReward own = ImageReward.FromModel(classifier, imageColumnName: "Pixels");
        IReadOnlyList<double> ofOwn = own.Score(data, "Pixels", "Side");
        uint[] keys = [.. data.GetColumn<uint>("Side")];
        Assert.Equal(probabilities.Select((p, i) => (double)p[keys[i] - 1]), ofOwn);

        Assert.Contains("name the class", Assert.Throws<ArgumentException>(() => own.Score(data, "Pixels")).Message);
        ImageReward none = ImageReward.FromModel(classifier, "nobody", imageColumnName: "Pixels");
        string message = Assert.Throws<ArgumentException>(() => none.Score(data, "Pixels")).Message;
        Assert.Contains("'nobody'", message);
        Assert.Contains($"'{classes[0]}'", message);
        Assert.Contains("expected a key", Assert.ThrowsAny<ArgumentException>(() => own.Score(data, "Pixels", "Pixels")).Message);
        Assert.Contains("missing", Assert.ThrowsAny<ArgumentException>(() => own.Score(data)).Message);
    }

    private static IDataView Grays(MLContext ml, params float[] levels) => ml.Data.LoadFromEnumerable(
        levels.Select(level => new Gray { Image = [.. Enumerable.Repeat(level, Side * Side)] }).ToArray());

    private sealed class Gray
    {
        [VectorType(1, Side, Side)]
        public float[] Image { get; set; } = [];
    }

    private sealed class TwoPlanes
    {
        [VectorType(2, Side, Side)]
        public float[] Image { get; set; } = [];
    }

    private sealed class Scored
    {
        public float Brightness { get; set; }

        public string Text { get; set; } = "";
    }

    // A transformer may drop rows.
    private sealed class FirstRow : ITransformer
    {
        private readonly MLContext _ml = new();

        public bool IsRowToRowMapper => false;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => throw new NotSupportedException();

        public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => throw new NotSupportedException();

        public void Save(ModelSaveContext ctx) => throw new NotSupportedException();

        public IDataView Transform(IDataView input) => _ml.Data.LoadFromEnumerable([new OneScore()]);
    }

    private sealed class OneScore
    {
        public float Score { get; set; }
    }
}
