using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Finds the head of the fine-tuned model that copies the letters of a word to the answer.</summary>
internal static class CopyingHead
{
    private const string Word = "garden";

    /// <summary>Plots the attention of the head before and after fine-tuning.</summary>
    /// <returns>Its mean attention to the letter to be written next, before and after.</returns>
    public static (double Before, double After) Plot(Lesson lesson)
    {
        string prompt = Court.Prompt($"shout {Word}");
        // Without its last letter, after which nothing is copied.
        string text = prompt + Word[..^1].ToUpperInvariant();
        IReadOnlyList<float[,,]> before = lesson.Base.Attention(text), after = lesson.Tuned.Attention(text);
        int wordStart = prompt.IndexOf(Word, StringComparison.Ordinal), answerStart = prompt.Length - 1;

        var (layer, head) = Heads(lesson.Tuned).MaxBy(place => Copied(after[place.Layer], place.Head, answerStart, wordStart));
        string[] labels = AttentionSection.Labels(text);
        Chart.SavePanels(
            lesson.Output.File("finetuning-attention.png", "a head that copies letters, before and after fine-tuning"),
            [
                AttentionSection.Map(before[layer], head, $"layer {layer + 1}, head {head + 1}, before", labels),
                AttentionSection.Map(after[layer], head, $"layer {layer + 1}, head {head + 1}, after fine-tuning", labels),
            ],
            panelWidth: 720, panelHeight: 660);
        var result = (Copied(before[layer], head, answerStart, wordStart), Copied(after[layer], head, answerStart, wordStart));
        Console.WriteLine($"Layer {layer + 1}, head {head + 1} has {result.Item1:P0} of its attention on the letter to be written next "
            + $"before fine-tuning, {result.Item2:P0} after.");
        return result;
    }

    private static IEnumerable<(int Layer, int Head)> Heads(LanguageModelTransformer model) =>
        from layer in Enumerable.Range(0, model.Architecture.Layers)
        from head in Enumerable.Range(0, model.Architecture.Heads)
        select (layer, head);

    private static double Copied(float[,,] layer, int head, int answerStart, int wordStart) =>
        Enumerable.Range(0, Word.Length).Average(letter => layer[head, answerStart + letter, wordStart + letter]);
}
