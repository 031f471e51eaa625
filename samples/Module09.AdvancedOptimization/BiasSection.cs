using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module09;

/// <summary>Bias of a model, measured with templates and names, and less of it by counterfactual data.</summary>
internal static class BiasSection
{
    /// <summary>A model and what is measured of it.</summary>
    /// <param name="Name">What it was trained on.</param>
    /// <param name="Ratios">log₂ p(she) / p(he) after a sentence about each job.</param>
    /// <param name="Pronouns">The mean size of these.</param>
    /// <param name="Names">The mean size of log₂ p(job | a woman's name) / p(job | a man's name) over the jobs.</param>
    /// <param name="Perplexity">On sentences like those of the training.</param>
    /// <param name="PerplexityOfThings">On sentences without people.</param>
    public sealed record Model(
        string Name, IReadOnlyDictionary<string, double> Ratios, double Pronouns, double Names, double Perplexity,
        double PerplexityOfThings);

    public sealed record Result(Model Before, Model After);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("7. Bias");
        string[] sentences = People.Write(lesson.Quick ? 3_000 : 10_000, seed: 1);
        Model before = Measure(lesson, "as it is", sentences);
        // Each sentence once with the person's sex as it is, and once with the other.
        Model after = Measure(lesson, "with swapped sentences", [.. sentences, .. sentences.Select(People.Swap)]);

        Console.WriteLine($"{"",-12}{"women",8}{"before",10}{"after",10}   log2 p(she) / p(he)");
        foreach ((string job, double share) in People.Jobs)
            Console.WriteLine($"{job,-12}{share,8:P0}{before.Ratios[job],10:F2}{after.Ratios[job],10:F2}");
        Console.WriteLine($"{"",-24}{"pronouns",10}{"names",8}{"perplexity",12}{"of things",11}");
        foreach (Model model in (Model[])[before, after])
        {
            Console.WriteLine($"{model.Name,-24}{model.Pronouns,10:F2}{model.Names,8:F2}{model.Perplexity,12:F3}"
                + $"{model.PerplexityOfThings,11:F3}");
        }

        new Chart("\"The … said that\": she or he?", "", "log₂ p(she) / p(he)")
            .Bars([.. People.Jobs.Keys], ("as it is", [.. before.Ratios.Values]), ("with swapped sentences", [.. after.Ratios.Values]))
            .Save(lesson.Output.File("bias.png", "the pronoun that a model expects after each job, before and after"));
        return new Result(before, after);
    }

    private static Model Measure(Lesson lesson, string name, string[] sentences)
    {
        using LanguageModelTransformer model = Train(lesson, name, sentences);
        Dictionary<string, double> ratios = People.Jobs.Keys.ToDictionary(
            job => job, job => Bits($"\nthe {job} said that he ") - Bits($"\nthe {job} said that she "));
        double[] byName = [.. People.Jobs.Keys.Select(job => OfJob(People.Men, job) - OfJob(People.Women, job))];
        return new Model(
            name, ratios, ratios.Values.Average(Math.Abs), byName.Average(Math.Abs),
            Perplexity(People.Write(500, seed: 2)), Perplexity(People.Write(500, seed: 3, withPeople: false)));

        // −log₂ p of a text.
        double Bits(string text)
        {
            LanguageModelMetrics metrics = lesson.ML.Generative().EvaluateLanguageModel(model, lesson.Rows(text));
            return metrics.NegativeLogLikelihood * metrics.Tokens / Math.Log(2);
        }

        double OfJob(IReadOnlyList<string> names, string job) =>
            names.Average(person => Bits($"\n{person} is a {job}") - Bits($"\n{person} is a "));

        double Perplexity(string[] texts) => lesson.ML.Generative().EvaluateLanguageModel(model, lesson.Rows(Lines(texts))).Perplexity;
    }

    private static LanguageModelTransformer Train(Lesson lesson, string name, string[] sentences)
    {
        using var progress = new ConsoleProgress(name);
        return lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            // Byte pairs of these sentences are whole words.
            Tokenizer = GenerativeTokenizers.TrainBytePairEncoding([Lines(sentences)], 400),
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = 2,
                Heads = lesson.Quick ? 2 : 4,
                EmbeddingSize = lesson.Quick ? 48 : 64,
                ContextLength = lesson.Quick ? 16 : 32,
            },
            BatchSize = lesson.Quick ? 16 : 32,
            MaxSteps = lesson.Quick ? 300 : 500,
            LearningRate = lesson.Quick ? 1e-2 : 3e-3,
            EmaDecay = 0.95,
            Seed = 1,
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Rows(Lines(sentences)));
    }

    private static string Lines(string[] sentences) => string.Concat(sentences.Select(sentence => $"\n{sentence}"));
}
