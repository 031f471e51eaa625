using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;
using TorchSharp;

namespace Module09;

/// <summary>Weights of fewer bits: size, speed and perplexity; and an adapter that is trained over them.</summary>
internal static class QuantizationSection
{
    /// <summary>A format of the weights.</summary>
    /// <param name="Format">The format.</param>
    /// <param name="WeightBytes">Bytes of all weights.</param>
    /// <param name="FileBytes">Bytes of the saved model.</param>
    /// <param name="OneThread">Tokens that one stream generates in a second with one thread.</param>
    /// <param name="TwoThreads">With two.</param>
    /// <param name="Prompt">Tokens of prompts that are read in a second with one thread.</param>
    /// <param name="Perplexity">Perplexity on the play.</param>
    /// <param name="Adapted">Perplexity on names, with an adapter that was trained over weights in this format.</param>
    public sealed record Row(
        WeightFormat Format, long WeightBytes, long FileBytes, double OneThread, double TwoThreads, double Prompt, double Perplexity,
        double Adapted);

    private const string Beginning = "KING";

    private static readonly WeightFormat[] _formats =
        [WeightFormat.Float32, WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Q8_0, WeightFormat.Q4_0, WeightFormat.Nf4];

    public static IReadOnlyList<Row> Run(Lesson lesson)
    {
        Lesson.Title("4. Weights of fewer bits");
        IReadOnlyList<WeightFormatMetrics> metrics = lesson.ML.Generative().CompareWeightFormats(
            lesson.Base, lesson.Rows(lesson.Play.Validation[..Math.Min(lesson.Play.Validation.Length, 50_000)]), _formats);
        (double One, double Two, double Prompt)[] speeds = Speeds(lesson);
        List<Row> rows = [];
        foreach ((WeightFormatMetrics found, (double one, double two, double prompt)) in metrics.Zip(speeds))
        {
            WeightFormat format = found.Format;
            using LanguageModelTransformer model = lesson.Base.Quantize(format);
            LoraOptions adapter = new() { Rank = 8, Alpha = 16 };
            using LanguageModelTransformer tuned =
                lesson.FineTune($"LoRA over {format}", model, lesson.Names, adapter, lesson.Quick ? 40 : 100).Model;
            rows.Add(new Row(
                format, found.WeightBytes, FileBytes(lesson, model), one, two, prompt, found.Metrics.Perplexity,
                lesson.Perplexity(tuned, lesson.Names)));
        }

        Console.WriteLine($"{"",-10}{"weights",10}{"file",10}{"tokens/s",10}{"2 threads",11}{"prompt/s",10}{"play",8}{"change",9}"
            + $"{"names, with LoRA",18}");
        foreach (Row row in rows)
        {
            Console.WriteLine($"{row.Format,-10}{row.WeightBytes / 1e3,7:N0} kB{row.FileBytes / 1e3,7:N0} kB{row.OneThread,10:N0}"
                + $"{row.TwoThreads,11:N0}{row.Prompt,10:N0}{row.Perplexity,8:F3}{row.Perplexity / rows[0].Perplexity - 1,9:P2}"
                + $"{row.Adapted,18:F2}");
        }

        string[] labels = [.. rows.Select(row => row.Format.ToString())];
        Chart.SavePanels(
            lesson.Output.File("quantization.png", "size and perplexity by the format of the weights"),
            [
                new Chart("All weights", "", "kB").Bars(labels, (null, [.. rows.Select(row => row.WeightBytes / 1e3)])),
                new Chart("What rounding costs", "", "perplexity on the play above that of Float32, %")
                    .Bars(labels, (null, [.. rows.Select(row => 100 * Math.Max(0, row.Perplexity / rows[0].Perplexity - 1))])),
            ]);
        return rows;
    }

    private static long FileBytes(Lesson lesson, LanguageModelTransformer model)
    {
        string path = Path.Combine(lesson.Output.Folder, "quantized.zip");
        try
        {
            lesson.ML.Model.Save(model, lesson.Rows("").Schema, path);
            return new FileInfo(path).Length;
        }
        finally
        {
            File.Delete(path);
        }
    }

    // All formats in turn, several times, and the best of each: other programs disturb all of them alike.
    private static (double One, double Two, double Prompt)[] Speeds(Lesson lesson)
    {
        int threads = torch.get_num_threads(), rounds = lesson.Quick ? 1 : 5;
        var speeds = new (double One, double Two, double Prompt)[_formats.Length];
        // A model keeps the number of threads with which it began to generate.
        LanguageModelTransformer[] one = [.. _formats.Select(lesson.Base.Quantize)], two = [.. _formats.Select(lesson.Base.Quantize)];
        try
        {
            for (int round = 0; round < rounds; round++)
            {
                for (int i = 0; i < _formats.Length; i++)
                {
                    torch.set_num_threads(1);
                    (double alone, double prompt) = (Speed(lesson, one[i]), PromptSpeed(lesson, one[i], round));
                    torch.set_num_threads(2);
                    speeds[i] = (
                        Math.Max(speeds[i].One, alone), Math.Max(speeds[i].Two, Speed(lesson, two[i])), Math.Max(speeds[i].Prompt, prompt));
                }
            }
        }
        finally
        {
            torch.set_num_threads(threads);
            foreach (LanguageModelTransformer model in one.Concat(two))
                model.Dispose();
        }

        return speeds;
    }

    private static double Speed(Lesson lesson, LanguageModelTransformer model)
    {
        TextGenerationOptions options = new() { MaxTokens = model.Architecture.ContextLength - Beginning.Length, Temperature = 0 };
        model.Generate(Beginning, options);
        var clock = Stopwatch.StartNew();
        int texts = 0;
        for (; clock.Elapsed.TotalSeconds < (lesson.Quick ? 0.05 : 0.3); texts++)
            model.Generate(Beginning, options);
        return texts * options.MaxTokens / clock.Elapsed.TotalSeconds;
    }

    // Another prompt each time: what two begin with alike is computed once.
    private static double PromptSpeed(Lesson lesson, LanguageModelTransformer model, int round)
    {
        int length = model.Architecture.ContextLength - 1, texts = 0;
        var clock = Stopwatch.StartNew();
        for (; clock.Elapsed.TotalSeconds < (lesson.Quick ? 0.05 : 0.3); texts++)
        {
            int start = (round * 1_009 + texts * 17) % (lesson.Play.Validation.Length - length);
            model.Generate(lesson.Play.Validation.Substring(start, length), new() { MaxTokens = 1, Temperature = 0 });
        }

        return texts * length / clock.Elapsed.TotalSeconds;
    }
}
