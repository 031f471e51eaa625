using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Finds the head of the tuned model that fetches the letters of a word for the answer.</summary>
internal static class CopyingHead
{
    private const string Word = "garden";

    /// <summary>Draws the head before and after tuning.</summary>
    /// <returns>The mean attention that it has for the letter to be written next, before and after.</returns>
    public static (double Before, double After) Draw(Lesson lesson)
    {
        string prompt = Court.Prompt($"shout {Word}");
        // Without its last letter, from which nothing is fetched any more.
        string text = prompt + Word[..^1].ToUpperInvariant();
        IReadOnlyList<float[,,]> before = lesson.Base.Attention(text), after = lesson.Tuned.Attention(text);
        int wordStart = prompt.IndexOf(Word, StringComparison.Ordinal), answerStart = prompt.Length - 1;

        var (layer, head) = Heads(lesson.Tuned).MaxBy(place => Fetched(after[place.Layer], place.Head, answerStart, wordStart));
        string[] labels = AttentionSection.Labels(text);
        Chart.SavePanels(
            lesson.Output.File("finetuning-attention.png", "a head that fetches letters, before and after tuning"),
            [
                AttentionSection.Map(before[layer], head, $"layer {layer + 1}, head {head + 1}, before", labels),
                AttentionSection.Map(after[layer], head, $"layer {layer + 1}, head {head + 1}, after fine-tuning", labels),
            ],
            panelWidth: 720, panelHeight: 660);
        var result = (Fetched(before[layer], head, answerStart, wordStart), Fetched(after[layer], head, answerStart, wordStart));
        Console.WriteLine($"Layer {layer + 1}, head {head + 1} has {result.Item1:P0} of its attention at the letter to be written next before fine-tuning, {result.Item2:P0} after.");
        return result;
    }

    private static IEnumerable<(int Layer, int Head)> Heads(LanguageModelTransformer model) =>
        from layer in Enumerable.Range(0, model.Architecture.Layers) from head in Enumerable.Range(0, model.Architecture.Heads) select (layer, head);

    private static double Fetched(float[,,] layer, int head, int answerStart, int wordStart) =>
        Enumerable.Range(0, Word.Length).Average(letter => layer[head, answerStart + letter, wordStart + letter]);
}
