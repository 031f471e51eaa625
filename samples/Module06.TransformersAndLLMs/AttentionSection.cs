using Samples.Shared;

namespace Module06;

/// <summary>What each head attends to: maps of one sentence, and the mean distance.</summary>
internal static class AttentionSection
{
    /// <summary>What was computed.</summary>
    /// <param name="LargestFuture">The largest weight of a later token: 0.</param>
    /// <param name="Previous">For each layer and head, the mean weight of the character just before.</param>
    public sealed record Result(double LargestFuture, double[][] Previous);

    private const string Sentence = "The king and the king";
    private const int Farthest = 16;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Attention");
        IReadOnlyList<float[,,]> layers = lesson.Base.Attention(Sentence);
        string[] labels = Labels(Sentence);
        Chart.SavePanels(
            lesson.Output.File("attention-heads.png", "attention of each head"),
            [.. layers.SelectMany((layer, l) =>
                Enumerable.Range(0, layer.GetLength(0)).Select(head => Map(layer, head, $"layer {l + 1}, head {head + 1}", labels)))],
            columns: layers[0].GetLength(0), panelWidth: 480, panelHeight: 440);

        double[][,] distances = MeanByDistance(lesson);
        Chart.SavePanels(
            lesson.Output.File("attention-distance.png", "attention of each head by distance"),
            [.. distances.Select((layer, l) =>
            {
                var chart = new Chart($"Layer {l + 1}", "distance in characters", "mean attention, %");
                for (int head = 0; head < layer.GetLength(0); head++)
                {
                    chart.Line(
                        $"head {head + 1}", [.. Enumerable.Range(0, Farthest).Select(back => ((double)back, 100 * layer[head, back]))]);
                }
                return chart.Range(yLow: 0);
            })],
            panelWidth: 640, panelHeight: 440);

        double[][] previous =
            [.. distances.Select(layer => Enumerable.Range(0, layer.GetLength(0)).Select(head => layer[head, 1]).ToArray())];
        foreach (var (l, heads) in previous.Index())
            Console.WriteLine($"Layer {l + 1}: attention to the previous character, by head: "
                + $"{string.Join(", ", heads.Select(weight => weight.ToString("P0")))}.");
        return new Result(LargestFuture(layers), previous);
    }

    /// <summary>The characters of a text as labels of an axis.</summary>
    public static string[] Labels(string text) => [.. text.Select(c => c switch { ' ' => "·", '\n' => "¶", _ => c.ToString() })];

    /// <summary>The attention map of a head.</summary>
    public static Chart Map(float[,,] layer, int head, string title, string[] labels)
    {
        var map = new double[labels.Length, labels.Length];
        for (int from = 0; from < labels.Length; from++)
        {
            for (int to = 0; to < labels.Length; to++)
                map[from, to] = layer[head, from, to];
        }

        return new Chart(title, "key: attended character", "query: attending character").HeatMap(map, "attention", labels);
    }

    // Over passages of the validation text, from characters with enough others before them.
    private static double[][,] MeanByDistance(Lesson lesson)
    {
        const int length = 60;
        string text = lesson.Text.Validation;
        int passages = Math.Min(lesson.Quick ? 10 : 50, text.Length / length);
        double[][,] means = [.. Enumerable.Range(0, lesson.Base.Architecture.Layers)
            .Select(_ => new double[lesson.Base.Architecture.Heads, Farthest])];
        for (int passage = 0; passage < passages; passage++)
        {
            foreach (var (l, layer) in lesson.Base.Attention(text.Substring(passage * length, length)).Index())
            {
                for (int head = 0; head < layer.GetLength(0); head++)
                {
                    for (int from = Farthest; from < length; from++)
                    {
                        for (int back = 0; back < Farthest; back++)
                            means[l][head, back] += layer[head, from, from - back] / (double)(passages * (length - Farthest));
                    }
                }
            }
        }

        return means;
    }

    private static double LargestFuture(IReadOnlyList<float[,,]> layers)
    {
        double largest = 0;
        foreach (var layer in layers)
        {
            for (int head = 0; head < layer.GetLength(0); head++)
            {
                for (int from = 0; from < layer.GetLength(1); from++)
                {
                    for (int to = from + 1; to < layer.GetLength(2); to++)
                        largest = Math.Max(largest, layer[head, from, to]);
                }
            }
        }

        return largest;
    }
}
