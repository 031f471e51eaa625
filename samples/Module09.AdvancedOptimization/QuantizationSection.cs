using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>Weights of fewer bits: size, speed and perplexity; and an adapter that is trained over them.</summary>
internal static class QuantizationSection
{
    /// <summary>A format of the weights.</summary>
    /// <param name="Format">The format.</param>
    /// <param name="FileBytes">Bytes of the saved model.</param>
    /// <param name="TokensPerSecond">Tokens that one stream generates in a second.</param>
    /// <param name="Perplexity">Perplexity on the play.</param>
    /// <param name="Adapted">Perplexity on names, with an adapter that was trained over weights in this format.</param>
    public sealed record Row(WeightFormat Format, long FileBytes, double TokensPerSecond, double Perplexity, double Adapted);

    public static IReadOnlyList<Row> Run(Lesson lesson)
    {
        Lesson.Title("4. Weights of fewer bits");
        List<Row> rows = [];
        WeightFormat[] formats = [WeightFormat.Float32, WeightFormat.Int8, WeightFormat.Nf4, WeightFormat.Q8_0, WeightFormat.Q4_0];
        foreach (WeightFormat format in formats)
        {
            using LanguageModelTransformer model = lesson.Base.Quantize(format);
            LoraOptions adapter = new() { Rank = 8, Alpha = 16 };
            using LanguageModelTransformer tuned =
                lesson.FineTune($"LoRA over {format}", model, lesson.Names, adapter, lesson.Quick ? 40 : 100).Model;
            rows.Add(new Row(
                format, FileBytes(lesson, model), Speed(model), lesson.Perplexity(model, lesson.Play),
                lesson.Perplexity(tuned, lesson.Names)));
        }

        Console.WriteLine($"{"",-10}{"file",10}{"tokens/s",10}{"play",8}{"names, with LoRA",18}");
        foreach (Row row in rows)
        {
            Console.WriteLine(
                $"{row.Format,-10}{row.FileBytes / 1e3,7:N0} kB{row.TokensPerSecond,10:N0}{row.Perplexity,8:F3}{row.Adapted,18:F2}");
        }

        string[] labels = [.. rows.Select(row => row.Format.ToString())];
        Chart.SavePanels(
            lesson.Output.File("quantization.png", "size and perplexity by the format of the weights"),
            [
                new Chart("The saved model", "", "kB").Bars(labels, (null, [.. rows.Select(row => row.FileBytes / 1e3)])),
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

    private static double Speed(LanguageModelTransformer model)
    {
        TextGenerationOptions options = new() { MaxTokens = 60, Temperature = 0 };
        model.Generate("KING", options);
        var clock = Stopwatch.StartNew();
        int texts = 0;
        for (; clock.Elapsed.TotalSeconds < 0.5; texts++)
            model.Generate("KING", options);
        return texts * 60 / clock.Elapsed.TotalSeconds;
    }
}
