using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>Which rank, and which layers.</summary>
internal static class RankSection
{
    public sealed record Result(IReadOnlyList<(int Rank, double Attention, double All)> Ranks);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Ranks and layers");
        int[] ranks = lesson.Quick ? [1, 8] : [1, 2, 4, 8, 16];
        List<(int Rank, double Attention, double All)> results = [];
        foreach (int rank in ranks)
        {
            results.Add((
                rank, Perplexity($"rank {rank}, queries and values", rank, ["query", "value"]),
                Perplexity($"rank {rank}, all layers", rank, [LoraOptions.AllLinear])));
        }

        foreach ((int rank, double attention, double all) in results)
            Console.WriteLine($"rank {rank,2}: perplexity {attention,6:F2} with queries and values, {all,6:F2} with all linear layers");
        new Chart("Adapters of more and less rank", "rank", "perplexity on names", logX: true)
            .Line("queries and values", [.. results.Select(r => ((double)r.Rank, r.Attention))])
            .Line("all linear layers", [.. results.Select(r => ((double)r.Rank, r.All))])
            .Save(lesson.Output.File("lora-rank.png", "perplexity by rank and by layers"));
        return new Result(results);

        double Perplexity(string title, int rank, string[] modules)
        {
            // With α = 2 · rank, all ranks have the same scale.
            LoraOptions options = new() { Rank = rank, Alpha = 2 * rank, TargetModules = modules };
            using LanguageModelTransformer model =
                lesson.FineTune(title, lesson.Base, lesson.Names, options, lesson.Quick ? 40 : 100).Model;
            return lesson.Perplexity(model, lesson.Names);
        }
    }
}
