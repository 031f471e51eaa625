using Microsoft.ML.Generative.Evaluation;

namespace Module05;

/// <summary>How good generated images are.</summary>
/// <param name="Name">The model.</param>
/// <param name="Metrics">The comparison with real images.</param>
/// <param name="Predicted">The classes that the classifier predicts.</param>
internal sealed record Quality(string Name, ImageGenerationMetrics Metrics, int[] Predicted)
{
    /// <summary>The share of the rarest class; a tenth if ten classes are equally frequent.</summary>
    public double RarestClass(int classes) =>
        Enumerable.Range(0, classes).Min(label => Predicted.Count(predicted => predicted == label)) / (double)Predicted.Length;

    public static void PrintHeader() => Console.WriteLine($"{"",-28} Fréchet   precision   recall   density   coverage   rarest class");

    public void Print(int classes) => Console.WriteLine(
        $"{Name,-28} {Metrics.FrechetDistance,7:F2}   {Metrics.Precision,9:P1}   {Metrics.Recall,6:P1}   {Metrics.Density,7:F2}   "
            + $"{Metrics.Coverage,8:P1}   {RarestClass(classes),12:P1}");
}
