using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>One base model with several adapters: switched, chosen by a column, mixed, saved, and merged.</summary>
internal static class SwitchingSection
{
    public sealed record Result(
        double SwitchMilliseconds, IReadOnlyList<string> RowTexts, IReadOnlyList<string> AloneTexts,
        IReadOnlyList<(double Weight, double Names, double Telegrams)> Mixes, double MergedDifference);

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Style { get; set; } = "";
    }

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Adapters switched live");
        LanguageModelTransformer telegrams = lesson.Keep(
            lesson.FineTune("telegrams", lesson.Base, lesson.Telegrams, new LoraOptions { Name = "telegrams" }, lesson.Steps).Model);

        // Two adapters beside one base, whose weights are in memory once.
        using LanguageModelTransformer both = lesson.NamesModel.AddAdapter("telegrams", telegrams);
        foreach (string? name in (string?[])[null, "names", "telegrams"])
        {
            using LanguageModelTransformer chosen = both.WithAdapter(name);
            Lesson.Print($"{name ?? "the base model"}:", chosen.Generate("\n", new() { MaxTokens = 90, Temperature = 0.7, Seed = 5 }));
        }

        double milliseconds = SwitchTime(both);
        Console.WriteLine($"A switch takes {milliseconds:F1} ms.");
        (string[] texts, string[] alone) = ChooseByColumn(lesson, both);
        (double, double, double)[] mixes = Mix(lesson, both);
        double difference = SaveAndMerge(lesson, telegrams);
        return new Result(milliseconds, texts, alone, mixes, difference);
    }

    private static double SwitchTime(LanguageModelTransformer both)
    {
        both.WithAdapter("names").Dispose();
        const int times = 10;
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < times; i++)
            both.WithAdapter(i % 2 == 0 ? "telegrams" : "names").Dispose();
        return clock.Elapsed.TotalMilliseconds / times;
    }

    private static (string[] Texts, string[] Alone) ChooseByColumn(Lesson lesson, LanguageModelTransformer both)
    {
        Row[] rows =
        [
            new() { Text = "A", Style = "" }, new() { Text = "A", Style = "names" }, new() { Text = "A", Style = "telegrams" },
            new() { Text = "M", Style = "names" }, new() { Text = "M", Style = "telegrams" }, new() { Text = "M", Style = "" },
        ];
        IDataView data = lesson.ML.Data.LoadFromEnumerable(rows);
        using LanguageModelTransformer byColumn = both.WithAdapterColumn("Style");
        string[] texts = [.. byColumn.Transform(data).GetColumn<string>("Completion")];
        foreach ((Row row, string text) in rows.Zip(texts))
        {
            string beginning = text[..Math.Min(text.Length, 60)].ReplaceLineEndings("\\n");
            Console.WriteLine($"{row.Text} {(row.Style.Length == 0 ? "base" : row.Style),-10} {beginning}");
        }

        string[] alone = [.. rows.Select((row, i) =>
        {
            using LanguageModelTransformer chosen = both.WithAdapter(row.Style.Length == 0 ? null : row.Style);
            return chosen.Transform(data).GetColumn<string>("Completion").ElementAt(i);
        })];
        return (texts, alone);
    }

    private static (double, double, double)[] Mix(Lesson lesson, LanguageModelTransformer both)
    {
        double[] weights = lesson.Quick ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
        (double Weight, double Names, double Telegrams)[] mixes = [.. weights.Select(weight =>
        {
            using LanguageModelTransformer mixed = both.CombineAdapters(
                "mixed", new Dictionary<string, double> { ["names"] = 1 - weight, ["telegrams"] = weight });
            return (weight, lesson.Perplexity(mixed, lesson.Names), lesson.Perplexity(mixed, lesson.Telegrams));
        })];
        foreach ((double weight, double names, double telegrams) in mixes)
            Console.WriteLine(
                $"{1 - weight:F2} names + {weight:F2} telegrams: perplexity {names:F1} on names, {telegrams:F1} on telegrams");
        new Chart("A weighted sum of two adapters", "weight of the telegrams; the names have the rest", "perplexity", logY: true)
            .Line("on names", [.. mixes.Select(mix => (mix.Weight, mix.Names))])
            .Line("on telegrams", [.. mixes.Select(mix => (mix.Weight, mix.Telegrams))])
            .Save(lesson.Output.File("adapters-mix.png", "perplexities of weighted sums of two adapters"));
        return mixes;
    }

    private static double SaveAndMerge(Lesson lesson, LanguageModelTransformer telegrams)
    {
        string folder = lesson.Output.File("telegrams", "the adapter of the telegrams, in the layout of PEFT");
        telegrams.SaveAdapter(folder);
        using LanguageModelTransformer loaded = lesson.Base.LoadAdapter(folder, "telegrams");
        using LanguageModelTransformer merged = loaded.Merge();
        double before = lesson.Perplexity(loaded, lesson.Telegrams), after = lesson.Perplexity(merged, lesson.Telegrams);
        Console.WriteLine($"Telegrams: perplexity {before:F4} with the loaded adapter, {after:F4} with merged weights.");
        return Math.Abs(after - before);
    }
}
