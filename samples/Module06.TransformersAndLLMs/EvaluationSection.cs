using System.IO.Compression;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;

namespace Module06;

/// <summary>Perplexity, and bits per byte, by which models with different tokens and file compressors can be compared.</summary>
internal static class EvaluationSection
{
    public sealed record Result(LanguageModelMetrics Characters, LanguageModelMetrics BytePairs, double Brotli, double ShortStride, double LongStride);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. Evaluation");
        LanguageModelOptions options = lesson.Options(lesson.Quick ? 150 : 1_000);
        (options.Tokenizer, options.VocabularySize) = (null, 512);
        var pairs = lesson.Fit("512 byte pairs", options).Model;

        LanguageModelMetrics characters = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, lesson.Validation);
        LanguageModelMetrics bytePairs = lesson.ML.Generative().EvaluateLanguageModel(pairs, lesson.Validation);
        double brotli = BrotliBits(lesson.Text);
        Print("characters", characters);
        Print("512 byte pairs", bytePairs);
        Console.WriteLine($"Brotli, which has seen the same text: {brotli:F3} bits per byte.");

        // The same tokens, with more or less of the text before each of them.
        var passage = TextData.Rows(lesson.ML, lesson.Text.Validation[..Math.Min(lesson.Text.Validation.Length, 10_000)]);
        double longStride = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, passage, stride: 64).BitsPerByte;
        double shortStride = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, passage, stride: 8).BitsPerByte;
        Console.WriteLine($"The first characters of it: {longStride:F3} bits per byte in windows that begin with nothing, {shortStride:F3} where each character has at least 56 before it.");
        return new Result(characters, bytePairs, brotli, shortStride, longStride);
    }

    // What the text to score with adds to the compressed text to learn from.
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
        Console.WriteLine($"{name}: {metrics.Tokens:N0} tokens, {metrics.NegativeLogLikelihood:F3} nats a token, perplexity {metrics.Perplexity:F2}, {metrics.TokenAccuracy:P1} guessed, {metrics.BitsPerByte:F3} bits per byte.");
}
