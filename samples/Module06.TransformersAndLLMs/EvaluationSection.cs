using System.IO.Compression;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module06;

/// <summary>Perplexity, and bits per byte, which compare models with different tokens and file compressors.</summary>
internal static class EvaluationSection
{
    public sealed record Result(
        LanguageModelMetrics Characters, LanguageModelMetrics BytePairs, double Brotli, double ShortStride, double LongStride);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. Evaluation");
        using LanguageModelTransformer pairs = TrainOnBytePairs(lesson);

        LanguageModelMetrics characters = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, lesson.Validation);
        LanguageModelMetrics bytePairs = lesson.ML.Generative().EvaluateLanguageModel(pairs, lesson.Validation);
        double brotli = BrotliBits(lesson.Text);
        Print("characters", characters);
        Print("512 byte pairs", bytePairs);
        Console.WriteLine($"Brotli with the same text as its dictionary: {brotli:F3} bits per byte.");

        // The same tokens, with more or less context before each of them.
        var passage = TextData.Rows(lesson.ML, lesson.Text.Validation[..Math.Min(lesson.Text.Validation.Length, 10_000)]);
        double longStride = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, passage, stride: 64).BitsPerByte;
        double shortStride = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, passage, stride: 8).BitsPerByte;
        Console.WriteLine($"The first 10,000 characters: {longStride:F3} bits per byte with windows side by side, {shortStride:F3} with at "
            + $"least 56 characters before each character.");
        return new Result(characters, bytePairs, brotli, shortStride, longStride);
    }

    private static LanguageModelTransformer TrainOnBytePairs(Lesson lesson)
    {
        using var progress = new ConsoleProgress("512 byte pairs");
        return lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            // Trains a byte-pair encoding on the text; the embedding gets the size of its vocabulary.
            VocabularySize = 512,
            Architecture = lesson.Base.Architecture with { VocabularySize = 0 },
            BatchSize = 12,
            MaxSteps = lesson.Quick ? 150 : 1_000,
            EmaDecay = 0.99,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }

    // The additional compressed size of the validation text after the training text.
    private static double BrotliBits(TextData text)
    {
        double train = Compressed(text.Train), all = Compressed(text.Train + text.Validation);
        return 8 * (all - train) / Encoding.UTF8.GetByteCount(text.Validation);
    }

    private static int Compressed(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var buffer = new byte[BrotliEncoder.GetMaxCompressedLength(bytes.Length)];
        return BrotliEncoder.TryCompress(bytes, buffer, out int written, quality: 11, window: 24)
            ? written
            : throw new InvalidOperationException("Brotli could not compress the text.");
    }

    private static void Print(string name, LanguageModelMetrics metrics) =>
        Console.WriteLine($"{name}: {metrics.Tokens:N0} tokens, {metrics.NegativeLogLikelihood:F3} nats per token, perplexity "
            + $"{metrics.Perplexity:F2}, token accuracy {metrics.TokenAccuracy:P1}, {metrics.BitsPerByte:F3} bits per byte.");
}
