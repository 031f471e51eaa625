using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageClassifierTests
{
    private static ImageClassifierOptions Options(string label = "Side") => new()
    {
        LabelColumnName = label,
        InputColumnName = "Pixels",
        BaseChannels = 8,
        Stages = 2,
        Epochs = 8,
        BatchSize = 16,
        Seed = 1,
    };

    private static ImageClassifierTransformer Train(MLContext ml, IDataView data, ImageClassifierOptions? options = null) =>
        ml.Transforms.Generative().ImageClassifier(options ?? Options()).Fit(data);

    [Theory]
    [InlineData(ImageClassifierNetworkKind.Residual, ImageClassifierNormalization.Batch)]
    [InlineData(ImageClassifierNetworkKind.Plain, ImageClassifierNormalization.Group)]
    public void It_learns_what_can_be_seen_and_evaluates_as_any_classifier_of_ML_NET(
        ImageClassifierNetworkKind architecture, ImageClassifierNormalization normalization)
    {
        var ml = new MLContext(seed: 1);
        IDataView data = LabeledImages.WithTextKeys(ml, 128);
        ImageClassifierOptions options = Options();
        (options.Network, options.Normalization) = (architecture, normalization);
        using ImageClassifierTransformer model = Train(ml, ml.Data.TakeRows(data, 64), options);

        MulticlassClassificationMetrics metrics = ml.MulticlassClassification.Evaluate(
            model.Transform(ml.Data.SkipRows(data, 64)), labelColumnName: "Side");
        Assert.Equal(1, metrics.MicroAccuracy);
        Assert.InRange(metrics.LogLoss, 0, 0.3);
        Assert.Equal(2, metrics.ConfusionMatrix.NumberOfClasses);
        Assert.Equal(2, model.ClassCount);
    }

    [Fact]
    public void Handwriting_of_unseen_digits_is_read()
    {
        var ml = new MLContext(seed: 1);
        using ImageClassifierTransformer model = ml.Transforms.Generative()
            .ImageClassifier(new ImageClassifierOptions { BaseChannels = 8, Epochs = 3, BatchSize = 32 })
            .Fit(ml.Generative().Datasets.Digits(1_500, seed: 1));
        MulticlassClassificationMetrics metrics = ml.MulticlassClassification.Evaluate(
            model.Transform(ml.Generative().Datasets.Digits(500, seed: 2)));
        Assert.InRange(metrics.MicroAccuracy, 0.95, 1);
    }

    [Fact]
    public void Scores_are_probabilities_named_after_the_classes_and_the_label_is_the_highest()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = LabeledImages.WithTextKeys(ml, 32);
        using ImageClassifierTransformer model = Train(ml, data);
        IDataView scored = ml.Transforms.Conversion.MapKeyToValue("Read", "PredictedLabel").Fit(model.Transform(data)).Transform(
            model.Transform(data));

        VBuffer<ReadOnlyMemory<char>> names = default;
        scored.Schema["Score"].GetSlotNames(ref names);
        string[] classes = [.. names.DenseValues().Select(n => n.ToString())];
        Assert.Equal(["left", "right"], classes);
        foreach ((float[] score, string read) in scored.GetColumn<float[]>("Score").Zip(scored.GetColumn<string>("Read")))
        {
            Assert.Equal(1, score.Sum(), 1e-5);
            Assert.Equal(classes[Array.IndexOf(score, score.Max())], read);
        }
    }

    [Fact]
    public void A_loaded_model_still_knows_what_its_keys_stand_for()
    {
        var ml = new MLContext(seed: 1);
        AssertKept<string>(i => i % 2 == 0 ? "żółw" : "a\"b");
        AssertKept<double>(i => i % 2 == 0 ? 0.1 : double.MaxValue);
        AssertKept<bool>(i => i % 2 == 0);
        AssertKept<ulong>(i => i % 2 == 0 ? ulong.MaxValue : 3);
        AssertKept<sbyte>(i => (sbyte)(i % 2 == 0 ? -128 : 127));

        void AssertKept<T>(Func<int, T> label)
        {
            IDataView data = LabeledImages.WithKeys(ml, 32, label);
            using ImageClassifierTransformer model = Train(ml, data);
            using var file = new MemoryStream();
            ml.Model.Save(model, data.Schema, file);
            file.Position = 0;
            ITransformer loaded = new MLContext().Model.Load(file, out _);
            using var owned = loaded as IDisposable;
            IDataView scored = loaded.Transform(data);
            IDataView read = ml.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(scored).Transform(scored);
            Assert.Equal(Enumerable.Range(0, 32).Select(label), read.GetColumn<T>("PredictedLabel"));
        }
    }

    [Fact]
    public void Integer_labels_come_back_as_integers()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = TinyImages.AsVectors(ml, 8);
        ImageClassifierOptions options = Options("Number");
        options.LabelCount = 9;
        options.Epochs = 1;
        using ImageClassifierTransformer model = Train(ml, data, options);
        IDataView scored = model.Transform(data);
        IDataView read = ml.Transforms.Conversion.MapKeyToValue("Read", "PredictedLabel").Fit(scored).Transform(scored);
        Assert.Equal(scored.GetColumn<uint>("PredictedLabel").Select(key => (int)key - 1), read.GetColumn<int>("Read"));
        Assert.Equal(9, ((VectorDataViewType)scored.Schema["Score"].Type).Size);
    }

    [Fact]
    public void Keys_without_values_need_none()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 16).Select(i => new KeyRow { Pixels = TinyImages.Pixels(i, 1), Side = (uint)i % 2 }).ToArray());
        using ImageClassifierTransformer model = Train(ml, data);
        Assert.Equal(1, ml.MulticlassClassification.Evaluate(model.Transform(data), labelColumnName: "Side").MicroAccuracy);
        Assert.Null(model.Transform(data).Schema["PredictedLabel"].Annotations.Schema.GetColumnOrNull("KeyValues"));
    }

    [Fact]
    public void Only_the_training_needs_labels()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = LabeledImages.WithTextKeys(ml, 16);
        using ImageClassifierTransformer model = Train(ml, data);
        IDataView unlabeled = ml.Transforms.DropColumns("Side").Fit(data).Transform(data);
        Assert.Equal(model.Transform(data).GetColumn<uint>("PredictedLabel"), model.Transform(unlabeled).GetColumn<uint>("PredictedLabel"));
    }

    [Fact]
    public void Labels_that_are_missing_unknown_or_of_another_type_are_named()
    {
        var ml = new MLContext(seed: 1);
        string Message(IDataView data, ImageClassifierOptions options) =>
            Assert.ThrowsAny<Exception>(() => Train(ml, data, options)).Message;
        IDataView keys = ml.Data.LoadFromEnumerable([new KeyRow { Pixels = TinyImages.Pixels(0, 1), Side = 2 }]);
        IDataView numbers = TinyImages.AsVectors(ml, 9);
        ImageClassifierOptions numbered = Options("Number");

        Assert.Contains("Column 'Side', row 0: the label is missing", Message(keys, Options()));
        Assert.Contains("Column 'Number' has a type without a number of classes: set LabelCount", Message(numbers, numbered));
        numbered.LabelCount = 5;
        Assert.Contains("Column 'Number', row 5: the label is 5; expected 0 to 4", Message(numbers, numbered));
        Assert.Contains("'Side' is missing", Message(numbers, Options()));
        Assert.Contains("Column 'Name' has type String; expected a key or an integer type", Message(numbers, Options("Name")));
        Assert.Contains("Column 'Side' has 1 class; expected 2 or more", Message(LabeledImages.WithKeys(ml, 3, _ => "same"), Options()));

        ImageClassifierOptions more = Options();
        more.LabelCount = 3;
        Assert.Contains("Column 'Side' has 2 classes; LabelCount is 3", Message(LabeledImages.WithTextKeys(ml, 4), more));
        Assert.Contains(
            "Column 'Side' has key values of type DateTime; expected text, numbers or Boolean",
            Message(LabeledImages.WithKeys(ml, 4, i => new DateTime(2020 + i, 1, 1)), Options()));
    }

    [Fact]
    public void Names_of_classes_that_no_model_file_could_hold_are_refused_before_the_training()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = LabeledImages.WithKeys(ml, 2, i => new string((char)('a' + i), 600_000));
        Assert.Contains("The key values of column 'Side' take", Assert.Throws<ArgumentException>(() => Train(ml, data)).Message);
    }

    [Theory]
    [InlineData("LabelCount")]
    [InlineData("BaseChannels")]
    [InlineData("Stages")]
    [InlineData("BlocksPerStage")]
    [InlineData("Dropout")]
    [InlineData("LabelSmoothing")]
    [InlineData("MaxShift")]
    [InlineData("TransformBatchSize")]
    [InlineData("Network")]
    [InlineData("Normalization")]
    [InlineData("The output columns need different names")]
    public void An_option_out_of_its_range_is_named(string name)
    {
        ImageClassifierOptions options = name switch
        {
            "LabelCount" => new() { LabelCount = 1 },
            "BaseChannels" => new() { BaseChannels = 65_536 },
            "Stages" => new() { Stages = 11 },
            "BlocksPerStage" => new() { BlocksPerStage = 0 },
            "Dropout" => new() { Dropout = 1 },
            "LabelSmoothing" => new() { LabelSmoothing = -0.1 },
            "MaxShift" => new() { MaxShift = -1 },
            "TransformBatchSize" => new() { TransformBatchSize = 0 },
            "Network" => new() { Network = (ImageClassifierNetworkKind)7 },
            "Normalization" => new() { Normalization = (ImageClassifierNormalization)7 },
            _ => new() { FeaturesColumnName = "Score" },
        };
        Assert.StartsWith(
            name, Assert.ThrowsAny<ArgumentException>(() => new MLContext().Transforms.Generative().ImageClassifier(options)).Message);
    }

    [Fact]
    public void A_shift_that_leaves_nothing_of_a_image_is_refused()
    {
        var ml = new MLContext(seed: 1);
        ImageClassifierOptions options = Options();
        options.MaxShift = TinyImages.Height;
        Assert.StartsWith(
            "MaxShift is 6", Assert.Throws<ArgumentException>(() => Train(ml, LabeledImages.WithTextKeys(ml, 4), options)).Message);
    }

    // Numbers from 0 below the count become keys from 1, others the missing key.
    private sealed class KeyRow
    {
        [VectorType(1, TinyImages.Height, TinyImages.Width)]
        public byte[] Pixels { get; set; } = [];

        [KeyType(2)]
        public uint Side { get; set; }
    }
}

[Collection(GlobalTorchState.Name)]
public sealed class ImageClassifierMemoryTests
{
    [Fact]
    public void No_tensor_is_left_behind_by_scoring()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = LabeledImages.WithTextKeys(ml, 50);
        using ImageClassifierTransformer model = ml.Transforms.Generative().ImageClassifier(
            new ImageClassifierOptions
            {
                LabelColumnName = "Side",
                InputColumnName = "Pixels",
                BaseChannels = 4,
                Epochs = 1,
                MaxShift = 1,
                FeaturesColumnName = "Features",
            }).Fit(rows);
        Assert.Equal(0, TensorCounts.Growth(() => _ = model.Transform(rows).GetColumn<float[]>("Features").Count(), times: 20));
    }
}
