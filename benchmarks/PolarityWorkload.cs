using System.Diagnostics;
using System.Numerics.Tensors;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Text;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Positive and negative snippets of film reviews (Pang, Lee 2005; GENERATIVE_DATA's rt-polarity). A tenth is held out for the accuracies
/// printed, another tenth chooses regularization and epochs. Retrieval: the second half of each held-out snippet is looked for by its first
/// half, among the second halves of all. Prints a line of JSON per method.
/// </summary>
internal static class PolarityWorkload
{
    private const int Seed = 1;
    private const int FewRows = 100;
    private const int FewestWords = 8;

    private static readonly float[] _regularizations = [0.01f, 0.1f, 1, 10];

    public static object Run(BenchmarkSettings settings)
    {
        var run = new Comparison(settings);
        Dictionary<string, Action> parts = new()
        {
            ["features"] = run.Features,
            ["small"] = run.Small,
            ["tuned"] = run.Tuned,
        };
        foreach ((string name, Action part) in parts)
        {
            if (!parts.ContainsKey(settings.Data) || name == settings.Data)
                part();
        }

        return run.Summary();
    }

    private static IEnumerable<Snippet> Read(string path, bool isPositive) =>
        File.ReadLines(path, Encoding.Latin1).Select(line => new Snippet { Text = line.Trim(), Label = isPositive });

    private sealed class Comparison
    {
        private readonly MLContext _ml = new(seed: Seed);
        private readonly Stopwatch _watch = Stopwatch.StartNew();
        private readonly BenchmarkSettings _settings;
        private readonly string _data;
        private readonly Snippet[] _train;
        private readonly Snippet[] _validation;
        private readonly Snippet[] _test;
        private readonly Halves[] _pairs;

        public Comparison(BenchmarkSettings settings)
        {
            _settings = settings;
            _data = _ml.Generative().DataDirectory;
            Snippet[] all = [.. Read(Path.Combine(_data, "rt-polarity", "rt-polarity.pos"), true),
                .. Read(Path.Combine(_data, "rt-polarity", "rt-polarity.neg"), false)];
            new Random(Seed).Shuffle(all);
            int tenth = all.Length / 10;
            (_test, _validation, _train) = (all[..tenth], all[tenth..(2 * tenth)], all[(2 * tenth)..]);
            _pairs = [.. _test.Select(Halves.Of).OfType<Halves>()];
        }

        /// <summary>A bag of words and a published encoder as they are: logistic regression on top, and cosines.</summary>
        public void Features()
        {
            var words = new WordBagEstimator.Options { NgramLength = 2, UseAllLengths = true };
            ITransformer bag = Bag(words);
            WriteLogistic("bag of words and of pairs of words", bag);
            using SentenceEmbeddingTransformer published = Published();
            WriteLogistic("minilm's vectors", _ml.Transforms.Generative().TextEmbedding("Features", "Text", published).Fit(Rows(_train)));

            ITransformer counts = Bag(new WordBagEstimator.Options
            {
                NgramLength = 1,
                Weighting = NgramExtractingEstimator.WeightingCriteria.TfIdf,
            });
            WriteRetrieval("bag of words, tf-idf", texts => Vectors(counts, [.. texts.Select(text => new Snippet { Text = text })]));
            WriteRetrieval("minilm", texts => published.Embed(texts));
        }

        /// <summary>Encoders of 4 layers and 128 values that have seen nothing but these snippets.</summary>
        public void Small()
        {
            WriteAccuracy("small encoder from random weights", Classify(Small(new TextClassificationOptions
            {
                LearningRate = 5e-4,
                Epochs = 5,
            })));
            using MaskedLanguageModelTransformer masked = _ml.Transforms.Generative().MaskedLanguageModel(
                Common(Small(new MaskedLanguageModelOptions { Epochs = 12, BatchSize = 32, WholeWords = true }))).Fit(Rows(_train));
            WriteAccuracy("small encoder pre-trained on the same snippets", Classify(new TextClassificationOptions
            {
                BaseModel = masked,
                Pooling = EmbeddingPooling.Mean,
                LearningRate = 3e-4,
                Epochs = 5,
            }));
            using SentenceEmbeddingTransformer paired = Pair(masked, epochs: 5, learningRate: 5e-4);
            WriteRetrieval("small encoder pre-trained on the same snippets, then on halves", texts => paired.Embed(texts));
        }

        /// <summary>The published encoder, trained further.</summary>
        public void Tuned()
        {
            using SentenceEmbeddingTransformer published = Published();
            WriteAccuracy("minilm, fine-tuned by LoRA", Classify(new TextClassificationOptions
            {
                BaseModel = published,
                Adapter = new LoraOptions { Rank = 8 },
                LearningRate = 5e-4,
                Epochs = 2,
            }));
            using SentenceEmbeddingTransformer paired = Pair(published, epochs: 1, learningRate: 5e-5);
            WriteRetrieval("minilm, trained on halves", texts => paired.Embed(texts));
        }

        public object Summary() => new
        {
            workload = "polarity",
            train = _train.Length,
            validation = _validation.Length,
            held_out = _test.Length,
            pairs = _pairs.Length,
            seconds = Seconds(),
            processor_seconds = Math.Round(Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds),
        };

        private IDataView Rows(IEnumerable<Snippet> snippets) => _ml.Data.LoadFromEnumerable(snippets);

        private SentenceEmbeddingTransformer Published() =>
            _ml.Generative().LoadPretrainedEncoder(_settings.Model ?? Path.Combine(_data, "minilm"));

        private ITransformer Bag(WordBagEstimator.Options words) => _ml.Transforms.Text.FeaturizeText(
            "Features",
            new TextFeaturizingEstimator.Options { CharFeatureExtractor = null, WordFeatureExtractor = words },
            "Text").Fit(Rows(_train));

        private static float[][] Vectors(ITransformer features, IReadOnlyList<Snippet> snippets) =>
        [
            .. features.Transform(new MLContext().Data.LoadFromEnumerable(snippets)).GetColumn<VBuffer<float>>("Features")
                .Select(vector => vector.DenseValues().ToArray()),
        ];

        private void WriteLogistic(string features, ITransformer model)
        {
            IDataView all = Featurized(_train), validation = Featurized(_validation), test = Featurized(_test);
            foreach ((string rows, IDataView train) in new[]
                { ("", all), ($", {FewRows} rows", _ml.Data.TakeRows(all, FewRows)) })
            {
                double best = -1, accuracy = 0;
                foreach (float regularization in _regularizations)
                {
                    var trained = _ml.BinaryClassification.Trainers.LbfgsLogisticRegression(
                        l1Regularization: 0, l2Regularization: regularization).Fit(train);
                    double chosen = _ml.BinaryClassification.Evaluate(trained.Transform(validation)).Accuracy;
                    if (chosen > best)
                        (best, accuracy) = (chosen, _ml.BinaryClassification.Evaluate(trained.Transform(test)).Accuracy);
                }

                WriteAccuracy($"{features}, logistic regression{rows}", accuracy);
            }

            IDataView Featurized(Snippet[] snippets) => _ml.Data.Cache(model.Transform(Rows(snippets)), "Features", "Label");
        }

        private double Classify(TextClassificationOptions options)
        {
            options.Sentence1ColumnName = "Text";
            options.ValidationData = Rows(_validation);
            options.EarlyStoppingPatience = 2;
            using TextClassificationTransformer model = _ml.Transforms.Generative().TextClassification(Common(options)).Fit(Rows(_train));
            // The classes are false and true, keys from 1.
            IEnumerable<uint> predicted = model.Transform(Rows(_test)).GetColumn<uint>("PredictedLabel");
            return predicted.Zip(_test).Average(pair => pair.First == (pair.Second.Label ? 2u : 1u) ? 1.0 : 0);
        }

        private SentenceEmbeddingTransformer Pair(EncoderTransformer model, int epochs, double learningRate) =>
            _ml.Transforms.Generative().SentenceEmbedding(Common(new SentenceEmbeddingOptions
            {
                BaseModel = model,
                InputColumnName = "First",
                PairColumnName = "Second",
                Epochs = epochs,
                BatchSize = 64,
                LearningRate = learningRate,
            })).Fit(_ml.Data.LoadFromEnumerable(_train.Select(Halves.Of).OfType<Halves>().ToArray()));

        private static T Small<T>(T options)
            where T : EncoderTrainingOptions
        {
            options.Architecture = new EncoderArchitecture { ContextLength = 64 };
            options.VocabularySize = 8_000;
            return options;
        }

        private T Common<T>(T options)
            where T : EncoderTrainingOptions
        {
            (options.Seed, options.Threads, options.Precision) = (Seed, _settings.Threads, ComputePrecision.Float32);
            options.Progress = new StepLines(_watch);
            return options;
        }

        private void WriteAccuracy(string method, double accuracy) =>
            Write(new { method, accuracy = Math.Round(accuracy, 4), seconds = Seconds() });

        private void WriteRetrieval(string method, Func<string[], float[][]> embed)
        {
            float[][] queries = embed([.. _pairs.Select(pair => pair.First)]), found = embed([.. _pairs.Select(pair => pair.Second)]);
            // Vectors have the length 1. One that is as near as the right one counts as nearer.
            int[] ranks = [.. queries.AsParallel().AsOrdered().Select((query, i) =>
            {
                float own = TensorPrimitives.Dot(query, found[i]);
                return found.Count(other => TensorPrimitives.Dot(query, other) >= own);
            })];
            Write(new
            {
                retrieval = method,
                recall_at_1 = Math.Round(ranks.Count(rank => rank == 1) / (double)ranks.Length, 4),
                recall_at_10 = Math.Round(ranks.Count(rank => rank <= 10) / (double)ranks.Length, 4),
                mean_reciprocal_rank = Math.Round(ranks.Average(rank => 1.0 / rank), 4),
                seconds = Seconds(),
            });
        }

        private double Seconds() => Math.Round(_watch.Elapsed.TotalSeconds);

        private static void Write(object line) => Console.WriteLine(JsonSerializer.Serialize(line));
    }

    // Trainings take long: a line each half minute, beside the results.
    private sealed class StepLines(Stopwatch watch) : IProgress<TrainingProgress>
    {
        private const double Interval = 30;

        private double _next;

        public void Report(TrainingProgress value)
        {
            double seconds = watch.Elapsed.TotalSeconds;
            if (seconds < _next)
                return;
            _next = seconds + Interval;
            Console.Error.WriteLine($"{seconds:F0} s: step {value.Step} of {value.TotalSteps}, loss {value.RecentLoss:F3}");
        }
    }

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
