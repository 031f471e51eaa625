using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>Low-rank adapters beside a fine-tuning of all weights: quality, memory, time, and what is saved.</summary>
internal static class LoraSection
{
    /// <summary>A way to fine-tune.</summary>
    /// <param name="Name">The name.</param>
    /// <param name="Trained">Trained parameters.</param>
    /// <param name="Share">Their share of all.</param>
    /// <param name="TrainingBytes">Bytes of weights, gradients and the optimizer's state.</param>
    /// <param name="Seconds">Seconds of the training.</param>
    /// <param name="SavedBytes">Bytes of what has to be kept beside the base model.</param>
    /// <param name="Style">Perplexity on the new style.</param>
    /// <param name="Play">Perplexity on the text of the base model.</param>
    public sealed record Way(
        string Name, long Trained, double Share, long TrainingBytes, double Seconds, long SavedBytes, double Style, double Play);

    public sealed record Result(IReadOnlyList<Way> Ways, bool BaseIsUnchanged);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Adapters beside full fine-tuning");
        string before = lesson.Base.Generate("KING");
        var chart = new Chart("Fine-tuning to names", "step", "−log p(character), nats");
        List<Way> ways = [];

        Add("all weights", null);
        Add("LoRA, queries and values", new LoraOptions { Name = "attention", TargetModules = ["query", "value"] });
        Add("LoRA, all linear layers", new LoraOptions { Name = "names", Rank = 8, Alpha = 16 });
        Add("rsLoRA, rank 32", new LoraOptions { Name = "rs", Rank = 32, Alpha = 16, UseRsLora = true });
        Add("DoRA", new LoraOptions { Name = "dora", Rank = 8, Alpha = 16, UseDora = true });

        chart.Range(yLow: 0).Save(lesson.Output.File("lora-loss.png", "the losses of full fine-tuning and of adapters"));
        Console.WriteLine($"{"",-26}{"trained",16}{"in training",13}{"time",8}{"saved",10}{"names",8}{"play",8}");
        foreach (Way way in ways)
        {
            Console.WriteLine($"{way.Name,-26}{way.Trained,9:N0} {way.Share,6:P1}{way.TrainingBytes / 1e6,10:F1} MB{way.Seconds,6:F0} s"
                + $"{way.SavedBytes / 1e3,7:F0} kB{way.Style,8:F2}{way.Play,8:F2}");
        }

        return new Result(ways, lesson.Base.Generate("KING") == before);

        void Add(string name, LoraOptions? adapter)
        {
            (LanguageModelTransformer model, IReadOnlyList<TrainingProgress> history) =
                lesson.FineTune(name, lesson.Base, lesson.Names, adapter, lesson.Steps);
            chart.Line(name, [.. history.Select(report => ((double)report.Step, report.RecentLoss))]);
            ways.Add(Measure(lesson, name, model, history[^1]));
            if (adapter?.Name == "names")
                lesson.NamesModel = model;
            else
                model.Dispose();
        }
    }

    private static Way Measure(Lesson lesson, string name, LanguageModelTransformer model, TrainingProgress last)
    {
        const int floatBytes = sizeof(float);
        long all = model.Architecture.CountParameters(), saved = SavedBytes(lesson, model);
        long trained = model.ActiveAdapter is null ? all : model.CountAdapterParameters();
        // The weights once; of each trained one also its gradient and Adam's two moments.
        long training = (model.ActiveAdapter is null ? all : all + trained) * floatBytes + 3 * trained * floatBytes;
        return new Way(
            name, trained, (double)trained / all, training, last.Elapsed.TotalSeconds, saved,
            lesson.Perplexity(model, lesson.Names), lesson.Perplexity(model, lesson.Play));
    }

    private static long SavedBytes(Lesson lesson, LanguageModelTransformer model)
    {
        string path = Path.Combine(lesson.Output.Folder, "tuned");
        try
        {
            if (model.ActiveAdapter is null)
                model.SavePretrained(path);
            else
                model.SaveAdapter(path);
            return Directory.GetFiles(path, "*.safetensors").Sum(file => new FileInfo(file).Length);
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
