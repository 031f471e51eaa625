using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Transforms;
using Microsoft.ML.Transforms.Text;
using Samples.Shared;

namespace Module06;

/// <summary>BERT: masked tokens, classes and vectors of texts, learned from made reviews.</summary>
internal static class EncodersSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Judgments">Of the five words that fill "the soup was [MASK].", those that judge.</param>
    /// <param name="Forward">The largest attention to a later token.</param>
    /// <param name="BagOfWords">Accuracy of logistic regression on the words of a text.</param>
    /// <param name="Scratch">Accuracy of an encoder that began with random weights.</param>
    /// <param name="Pretrained">Accuracy of an encoder that was pre-trained on unlabeled texts.</param>
    /// <param name="SameTopic">The part of the texts whose nearest other text has the same topic.</param>
    public sealed record Result(
        int Judgments, double Forward, double BagOfWords, double Scratch, double Pretrained, double SameTopic);

    private const string Masked = "the soup was [MASK].";
    private const string Judged = "the soup was not good.";

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("10. Texts as vectors: BERT");
        IDataView texts = lesson.ML.Data.LoadFromEnumerable(Reviews.Make(lesson.Quick ? 600 : 4_000, seed: 1));
        using MaskedLanguageModelTransformer masked = Pretrain(lesson, texts);
        IReadOnlyList<TokenPrediction> found = masked.FillMask(Masked, top: 5);
        Console.WriteLine($"{Masked} {string.Join(", ", found.Select(f => $"{f.Text} {f.Probability:P0}"))}.");
        double forward = DrawAttention(lesson, masked);

        IDataView labeled = Keyed(lesson, Reviews.Make(150, seed: 2)), test = Keyed(lesson, Reviews.Make(400, seed: 3));
        double bag = BagOfWords(lesson, labeled, test);
        double scratch = Classify(lesson, labeled, test, null, masked), pretrained = Classify(lesson, labeled, test, masked, masked);
        Console.WriteLine($"Accuracy with 150 labels: bag of words {bag:P0}, encoder from random weights {scratch:P0}, pre-trained "
            + $"{pretrained:P0}.");
        double sameTopic = DrawPlane(lesson, texts, masked);
        Console.WriteLine($"The nearest other text has the same topic: {sameTopic:P0}.");
        return new Result(found.Count(f => Reviews.IsJudgment(f.Text)), forward, bag, scratch, pretrained, sameTopic);
    }

    private static MaskedLanguageModelTransformer Pretrain(Lesson lesson, IDataView texts)
    {
        using var progress = new ConsoleProgress("masked tokens");
        return lesson.ML.Transforms.Generative().MaskedLanguageModel(new MaskedLanguageModelOptions
        {
            Architecture = new EncoderArchitecture { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 16 },
            BatchSize = 32,
            LearningRate = 3e-3,
            MaxSteps = lesson.Quick ? 250 : 1_500,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(texts);
    }

    private static double DrawAttention(Lesson lesson, MaskedLanguageModelTransformer model)
    {
        IReadOnlyList<float[,,]> layers = model.Attention(Judged);
        string[] labels = [.. model.Tokens(Judged)];
        Chart.SavePanels(
            lesson.Output.File("encoder-attention.png", "attention of an encoder, to both sides"),
            [.. layers.SelectMany((layer, l) => Enumerable.Range(0, layer.GetLength(0)).Select(
                head => AttentionSection.Map(layer, head, $"layer {l + 1}, head {head + 1}", labels)))],
            panelWidth: 480, panelHeight: 440);
        return layers.Max(layer => Enumerable.Range(0, layer.GetLength(0)).Max(head => Enumerable.Range(0, labels.Length).Max(
            from => Enumerable.Range(from, labels.Length - from).Skip(1).Select(to => layer[head, from, to]).DefaultIfEmpty().Max())));
    }

    private static double BagOfWords(Lesson lesson, IDataView train, IDataView test)
    {
        var words = new TextFeaturizingEstimator.Options { WordFeatureExtractor = new() { NgramLength = 1 }, CharFeatureExtractor = null };
        var pipeline = lesson.ML.Transforms.Text.FeaturizeText("Features", words, nameof(Reviews.Review.Text))
            .Append(lesson.ML.BinaryClassification.Trainers.LbfgsLogisticRegression());
        return lesson.ML.BinaryClassification.Evaluate(pipeline.Fit(train).Transform(test)).Accuracy;
    }

    private static double Classify(
        Lesson lesson, IDataView train, IDataView test, EncoderTransformer? baseModel, MaskedLanguageModelTransformer alike)
    {
        using TextClassificationTransformer classifier = lesson.ML.Transforms.Generative().TextClassification(new TextClassificationOptions
        {
            BaseModel = baseModel,
            Tokenizer = baseModel is null ? alike.Tokenizer : null,
            Architecture = alike.Architecture,
            LabelColumnName = "Class",
            Sentence1ColumnName = nameof(Reviews.Review.Text),
            LearningRate = 1e-3,
            MaxSteps = lesson.Quick ? 60 : 300,
            Threads = 1,
            CancellationToken = lesson.Cancellation,
        }).Fit(train);
        return lesson.ML.MulticlassClassification.Evaluate(classifier.Transform(test), "Class").MicroAccuracy;
    }

    private static double DrawPlane(Lesson lesson, IDataView texts, MaskedLanguageModelTransformer masked)
    {
        using SentenceEmbeddingTransformer encoder = lesson.ML.Transforms.Generative().SentenceEmbedding(new SentenceEmbeddingOptions
        {
            BaseModel = masked,
            PairColumnName = nameof(Reviews.Review.Pair),
            BatchSize = 32,
            LearningRate = 1e-3,
            MaxSteps = lesson.Quick ? 150 : 500,
            Threads = 1,
            CancellationToken = lesson.Cancellation,
        }).Fit(texts);
        IDataView shown = encoder.Transform(lesson.ML.Data.TakeRows(texts, 300));
        var plane = lesson.ML.Transforms.ProjectToPrincipalComponents("Plane", "Embedding", rank: 2, seed: 1).Fit(shown).Transform(shown);
        float[][] points = [.. plane.GetColumn<float[]>("Plane")], vectors = [.. shown.GetColumn<float[]>("Embedding")];
        int[] topics = [.. shown.GetColumn<int>(nameof(Reviews.Review.Topic))];
        new Chart("Reviews as vectors, by topic", "first component", "second component")
            .Classes([.. points.Zip(topics, (point, topic) => (point[0], point[1], topic))], Reviews.Topics)
            .Save(lesson.Output.File("encoder-plane.png", "vectors of texts in a plane"));

        // Texts that are the same have the same vector.
        string[] all = [.. shown.GetColumn<string>(nameof(Reviews.Review.Text))];
        int same = Enumerable.Range(0, all.Length).Count(i => topics[Enumerable.Range(0, all.Length).Where(j => all[j] != all[i])
            .MaxBy(j => System.Numerics.Tensors.TensorPrimitives.Dot(vectors[i], vectors[j]))] == topics[i]);
        return same / (double)all.Length;
    }

    private static IDataView Keyed(Lesson lesson, Reviews.Review[] reviews)
    {
        IDataView data = lesson.ML.Data.LoadFromEnumerable(reviews);
        return lesson.ML.Transforms.Conversion.MapValueToKey(
            "Class", nameof(Reviews.Review.Label), keyOrdinality: ValueToKeyMappingEstimator.KeyOrdinality.ByValue)
            .Fit(data).Transform(data);
    }
}
