using System.Diagnostics;
using System.Numerics.Tensors;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Text;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Positive and negative snippets of film reviews (Pang, Lee 2005; GENERATIVE_DATA's rt-polarity), a tenth of which is held out: accuracy
/// of a logistic regression on a published encoder's vectors and on a bag of words, and of small encoders from random weights and
/// pre-trained on the same snippets. Then retrieval: the second half of each held-out snippet is looked for by its first half. Prints a
/// line of JSON for each; takes a quarter of an hour.
/// </summary>
internal static class PolarityWorkload
{
    private const int Seed = 1;
    private const int FewestWords = 8;
    private const float Regularization = 0.01f;

    private static EncoderArchitecture Small { get; } = new() { ContextLength = 64 };

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: Seed);
        var watch = Stopwatch.StartNew();
        string data = ml.Generative().DataDirectory;
        Snippet[] all = [.. Read(Path.Combine(data, "rt-polarity", "rt-polarity.pos"), true),
            .. Read(Path.Combine(data, "rt-polarity", "rt-polarity.neg"), false)];
        new Random(Seed).Shuffle(all);
        int held = all.Length / 10;
        Snippet[] test = all[..held], train = all[held..];
        IDataView trainRows = ml.Data.LoadFromEnumerable(train), testRows = ml.Data.LoadFromEnumerable(test);
        using SentenceEmbeddingTransformer published =
            ml.Generative().LoadPretrainedEncoder(settings.Model ?? Path.Combine(data, "minilm"));

        WriteAccuracy("bag of words, logistic regression", Logistic(
            ml.Transforms.Text.FeaturizeText(
                "Features",
                new TextFeaturizingEstimator.Options
                {
                    CharFeatureExtractor = null,
                    WordFeatureExtractor = new WordBagEstimator.Options { NgramLength = 2, UseAllLengths = true },
                },
                "Text")));
        WriteAccuracy("minilm, logistic regression", Logistic(ml.Transforms.Generative().TextEmbedding("Features", "Text", published)));
        WriteAccuracy("encoder from random weights", Classify(null, 4));
        using MaskedLanguageModelTransformer masked = ml.Transforms.Generative().MaskedLanguageModel(Common(
            new MaskedLanguageModelOptions { VocabularySize = 8_000, Epochs = 8, LearningRate = 1e-3 })).Fit(trainRows);
        WriteAccuracy("encoder pre-trained on the same texts", Classify(masked, 4));

        Halves[] pairs = [.. test.Select(Halves.Of).OfType<Halves>()];
        IDataView halves = ml.Data.LoadFromEnumerable(train.Select(Halves.Of).OfType<Halves>().ToArray());
        IEstimator<ITransformer> counts = ml.Transforms.Text.FeaturizeText(
            "Features",
            new TextFeaturizingEstimator.Options
            {
                CharFeatureExtractor = null,
                WordFeatureExtractor = new WordBagEstimator.Options
                {
                    NgramLength = 1,
                    Weighting = NgramExtractingEstimator.WeightingCriteria.TfIdf,
                },
            },
            "Text");
        ITransformer bag = counts.Fit(trainRows);
        WriteRetrieval("bag of words, tf-idf", texts => [.. bag
            .Transform(ml.Data.LoadFromEnumerable(texts.Select(text => new Snippet { Text = text })))
            .GetColumn<VBuffer<float>>("Features").Select(vector => vector.DenseValues().ToArray())]);
        WriteRetrieval("minilm", texts => published.Embed(texts));
        using SentenceEmbeddingTransformer paired = ml.Transforms.Generative().SentenceEmbedding(Common(new SentenceEmbeddingOptions
        {
            BaseModel = masked,
            InputColumnName = "First",
            PairColumnName = "Second",
            Epochs = 4,
            BatchSize = 64,
            LearningRate = 5e-4,
        })).Fit(halves);
        WriteRetrieval("encoder pre-trained on the same texts, then on halves", texts => paired.Embed(texts));
        return new
        {
            workload = "polarity",
            train = train.Length,
            held_out = test.Length,
            pairs = pairs.Length,
            seconds = Math.Round(watch.Elapsed.TotalSeconds),
            processor_seconds = Math.Round(Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds),
        };

        // Accuracy on the held-out snippets.
        double Logistic(IEstimator<ITransformer> features)
        {
            ITransformer model = features.AppendCacheCheckpoint(ml).Append(ml.BinaryClassification.Trainers.LbfgsLogisticRegression(
                l1Regularization: 0, l2Regularization: Regularization)).Fit(trainRows);
            return ml.BinaryClassification.Evaluate(model.Transform(testRows)).Accuracy;
        }

        double Classify(EncoderTransformer? baseModel, int epochs)
        {
            TextClassificationOptions options = Common(new TextClassificationOptions
            {
                Sentence1ColumnName = "Text",
                Epochs = epochs,
                BaseModel = baseModel,
                VocabularySize = baseModel is null ? 8_000 : null,
                LearningRate = baseModel is null ? 5e-4 : 2e-4,
            });
            using TextClassificationTransformer model = ml.Transforms.Generative().TextClassification(options).Fit(trainRows);
            // The classes are false and true, keys from 1.
            IEnumerable<uint> predicted = model.Transform(testRows).GetColumn<uint>("PredictedLabel");
            return predicted.Zip(test).Average(pair => pair.First == (pair.Second.Label ? 2u : 1u) ? 1.0 : 0);
        }

        T Common<T>(T options)
            where T : EncoderTrainingOptions
        {
            if (options.BaseModel is null)
                options.Architecture = Small;
            options.BatchSize = options is SentenceEmbeddingOptions ? options.BatchSize : 32;
            (options.Seed, options.Threads, options.Precision) = (Seed, settings.Threads, ComputePrecision.Float32);
            return options;
        }

        void WriteAccuracy(string method, double accuracy) =>
            Write(new { method, accuracy = Math.Round(accuracy, 4), seconds = Seconds() });

        void WriteRetrieval(string method, Func<string[], float[][]> embed)
        {
            float[][] queries = embed([.. pairs.Select(pair => pair.First)]), found = embed([.. pairs.Select(pair => pair.Second)]);
            // Vectors have the length 1. One that is as near as the right one counts as nearer.
            int[] ranks = [.. queries.AsParallel().AsOrdered().Select((query, i) =>
            {
                float own = TensorPrimitives.Dot(query, found[i]);
                return found.Count(other => TensorPrimitives.Dot(query, other) >= own);
            })];
            Write(new
            {
                retrieval = method,
                first = Math.Round(ranks.Count(rank => rank == 1) / (double)ranks.Length, 4),
                among_ten = Math.Round(ranks.Count(rank => rank <= 10) / (double)ranks.Length, 4),
                mean_reciprocal_rank = Math.Round(ranks.Average(rank => 1.0 / rank), 4),
                seconds = Seconds(),
            });
        }

        double Seconds() => Math.Round(watch.Elapsed.TotalSeconds);

        void Write(object line) => Console.WriteLine(JsonSerializer.Serialize(line));
    }

    private static IEnumerable<Snippet> Read(string path, bool isPositive) =>
        File.ReadLines(path, Encoding.Latin1).Select(line => new Snippet { Text = line.Trim(), Label = isPositive });

    private sealed class Snippet
    {
        public string Text { get; set; } = "";

        public bool Label { get; set; }
    }

    private sealed class Halves
    {
        public string First { get; set; } = "";

        public string Second { get; set; } = "";

        public static Halves? Of(Snippet snippet)
        {
            string[] words = snippet.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            int half = words.Length / 2;
            return words.Length < FewestWords
                ? null
                : new Halves { First = string.Join(' ', words[..half]), Second = string.Join(' ', words[half..]) };
        }
    }
}
