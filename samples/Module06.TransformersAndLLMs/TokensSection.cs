using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module06;

/// <summary>Tokens: characters, and byte-pair encodings of several sizes.</summary>
internal static class TokensSection
{
    public sealed record Result(
        double CharacterBytes, IReadOnlyList<(int Vocabulary, double Bytes)> Trained, double? Gpt2Bytes, IReadOnlyList<string> Pieces);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Tokens");
        string text = lesson.Text.Validation;
        int[] sizes = lesson.Quick ? [280, 320, 400, 512] : [300, 512, 1_024, 2_048, 4_096];
        // From some size on a small text has no more pairs to merge.
        GenerativeTokenizer[] trained = [.. sizes.Select(size => GenerativeTokenizers.TrainBytePairEncoding([lesson.Text.Train], size))
            .DistinctBy(t => t.VocabularySize)];
        GenerativeTokenizer? gpt2 = Gpt2(lesson.ML.Generative().DataDirectory);

        string example = text[..Math.Min(text.Length, 60)];
        Print("characters", lesson.Characters, example);
        foreach (GenerativeTokenizer tokenizer in trained)
            Print($"byte pairs, {tokenizer.VocabularySize:N0}", tokenizer, example);
        if (gpt2 is not null)
            Print($"GPT-2, {gpt2.VocabularySize:N0}", gpt2, example);

        var result = new Result(
            Bytes(lesson.Characters, text), [.. trained.Select(t => (t.VocabularySize, Bytes(t, text)))],
            gpt2 is null ? null : Bytes(gpt2, text),
            Pieces(trained[^1], example));
        var chart = new Chart("Length of a token", "vocabulary size", "bytes per token", logX: true)
            .Line("byte pairs of this text", [.. result.Trained.Select(t => ((double)t.Vocabulary, t.Bytes))])
            .Points("characters", [(lesson.Characters.VocabularySize, result.CharacterBytes)]);
        if (result.Gpt2Bytes is { } bytes)
            chart.Points("GPT-2, byte pairs of web pages", [(gpt2!.VocabularySize, bytes)]);
        chart.Range(yLow: 0).Save(lesson.Output.File("tokens-length.png", "length of a token by vocabulary size"));
        string lengths = string.Join(", ", result.Trained.Select(t => $"{t.Vocabulary:N0} byte pairs {t.Bytes:F2}"));
        Console.WriteLine($"Bytes per token of the validation text: characters {result.CharacterBytes:F2}, {lengths}"
            + $"{(gpt2 is null ? "" : $", GPT-2 {result.Gpt2Bytes:F2}")}.");
        return result;
    }

    private static GenerativeTokenizer? Gpt2(string folder)
    {
        var (vocabulary, merges) = (Path.Combine(folder, "gpt2-bpe", "encoder.json"), Path.Combine(folder, "gpt2-bpe", "vocab.bpe"));
        return File.Exists(vocabulary) && File.Exists(merges) ? GenerativeTokenizers.FromGpt2Files(vocabulary, merges) : null;
    }

    private static double Bytes(GenerativeTokenizer tokenizer, string text) =>
        (double)System.Text.Encoding.UTF8.GetByteCount(text) / tokenizer.CountTokens(text);

    private static string[] Pieces(GenerativeTokenizer tokenizer, string text) =>
        [.. tokenizer.EncodeToIds(text).Select(id => tokenizer.Decode([id]))];

    private static void Print(string name, GenerativeTokenizer tokenizer, string text)
    {
        string[] pieces = Pieces(tokenizer, text);
        Console.WriteLine($"{name}, {pieces.Length} tokens: {string.Join('|', pieces).Replace("\n", "\\n")}");
    }
}
