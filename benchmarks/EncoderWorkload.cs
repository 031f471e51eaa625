using System.Diagnostics;
using Microsoft.ML.Generative.Tokenizers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second of a masked language model (4 layers, 4 heads, 128 wide, 64 tokens, batch 16, vocabulary 8,000), and sentences per
/// second of an encoder of sentences at mixed lengths, and milliseconds of texts of one length.
/// </summary>
internal static class EncoderWorkload
{
    private const int Words = 8000;
    private const int BatchSize = 16;
    private const int Length = 64;
    private const int Sentences = 512;
    private const int LongestSentence = 120;
    private const int Repetitions = 11;

    public static object RunMasked(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        string vocabulary = Path.Combine(Path.GetTempPath(), $"benchmark-{Guid.NewGuid():N}.txt");
        string[] words = [.. Enumerable.Range(0, Words).Select(i => $"w{i}")];
        File.WriteAllLines(vocabulary, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. words]);
        GenerativeTokenizer tokenizer = GenerativeTokenizers.FromFile(vocabulary);
        File.Delete(vocabulary);
        var random = new Random(1);
        // As in a language, the n-th word is about as frequent as 1 / n.
        Document[] texts = [.. Enumerable.Range(0, 2000).Select(_ => new Document
        {
            Text = string.Join(' ', Enumerable.Range(0, Length - 2).Select(_ => words[(int)Math.Pow(Words, random.NextDouble()) - 1])),
        })];
        var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        MaskedLanguageModelEstimator estimator = ml.Transforms.Generative().MaskedLanguageModel(new MaskedLanguageModelOptions
        {
            Architecture = new EncoderArchitecture { ContextLength = Length },
            Tokenizer = tokenizer,
            BatchSize = BatchSize,
            MaxSteps = long.MaxValue / 1000,
            Precision = ComputePrecision.Float32,
            Threads = settings.Threads,
            Progress = clock,
            CancellationToken = stopping.Token,
        });
        try
        {
            estimator.Fit(ml.Data.LoadFromEnumerable(texts)).Dispose();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }

        return new
        {
            workload = "bert",
            steps_per_s = Math.Round(clock.StepsPerSecond, 2),
            tokens_per_s = Math.Round(clock.StepsPerSecond * BatchSize * Length),
            steps = clock.Steps,
            threads = settings.Threads ?? get_num_threads(),
        };
    }

    /// <summary>The model is that of --model, else GENERATIVE_DATA's minilm.</summary>
    public static object RunEmbed(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        string folder = settings.Model ?? Path.Combine(ml.Generative().DataDirectory, "minilm");
        using SentenceEmbeddingTransformer encoder = ml.Generative().LoadPretrainedEncoder(folder);
        if (settings.Threads is { } threads)
            set_num_threads(threads);
        string[] words = ["the", "train", "encoder", "of", "a", "sentence", "reads", "weather", "today", "and", "stops", "early"];
        var random = new Random(1);
        // Few long ones among many short ones.
        string[] texts = [.. Enumerable.Range(0, Sentences).Select(_ => string.Join(' ', Enumerable.Range(
            0, 1 + (int)(LongestSentence * Math.Pow(random.NextDouble(), 3))).Select(_ => words[random.Next(words.Length)])))];
        encoder.Embed(texts);
        var watch = Stopwatch.StartNew();
        int passes = 0;
        for (; watch.Elapsed.TotalSeconds < settings.Seconds; passes++)
            encoder.Embed(texts);
        double seconds = watch.Elapsed.TotalSeconds;
        return new
        {
            workload = "embed",
            sentences_per_s = Math.Round(passes * Sentences / seconds, 1),
            tokens_per_s = Math.Round(passes * texts.Sum(text => (double)encoder.Tokens(text).Count) / seconds),
            sentences = Sentences,
            milliseconds_16x32 = Milliseconds(16, 32),
            milliseconds_32x16 = Milliseconds(32, 16),
            milliseconds_200x10 = Milliseconds(200, 10),
            threads = get_num_threads(),
        };

        // The median of what texts of so many tokens take together.
        double Milliseconds(int count, int tokens)
        {
            string[] same = [.. Enumerable.Repeat(string.Join(' ', Enumerable.Repeat("the", tokens - 2)), count)];
            encoder.Embed(same);
            double[] each = new double[Repetitions];
            for (int i = 0; i < each.Length; i++)
            {
                watch.Restart();
                encoder.Embed(same);
                each[i] = watch.Elapsed.TotalMilliseconds;
            }

            Array.Sort(each);
            return Math.Round(each[Repetitions / 2], 1);
        }
    }

    private sealed class Document
    {
        public string Text { get; set; } = "";
    }
}
