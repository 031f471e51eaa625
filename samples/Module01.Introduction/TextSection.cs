using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module01;

/// <summary>The same idea with text: probabilities of the next token, texts sampled from them, and texts scored by them.</summary>
internal static class TextSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Written">The continuation that the loop wrote, always with the most probable token.</param>
    /// <param name="Generated">The continuation that the model's Generate writes.</param>
    /// <param name="Probability">The probability of the continuation.</param>
    /// <param name="Top">The probability of the most probable next token at each temperature.</param>
    /// <param name="Samples">Texts at each temperature.</param>
    /// <param name="BitsPerByte">Of a sentence, of its words in another order, of its letters in another order.</param>
    public sealed record Result(
        string Written, string Generated, double Probability, IReadOnlyList<double> Top, IReadOnlyList<string> Samples,
        IReadOnlyList<double> BitsPerByte);

    private const string Beginning = "Once upon a time, there was a little";

    private static readonly string[] _prompts = ["Once upon a", Beginning, "One day, Lily went to the"];
    private static readonly double[] _temperatures = [0.5, 1, 2];

    public static Result Run(Lesson lesson, string modelName = "auto")
    {
        Lesson.Title("5. Text");
        using var storyteller = Storyteller.Load(lesson, modelName);
        var model = storyteller.Model;
        Console.WriteLine($"The model: {storyteller.Name}, {model.Architecture.CountParameters():N0} parameters, "
            + $"{model.Architecture.VocabularySize} tokens.");

        Chart.SavePanels(
            lesson.Output.File("text-next.png", "probabilities of the next token"),
            [.. _prompts.Select(prompt => NextChart(model, storyteller.Before(prompt)))], columns: 3, panelWidth: 560, panelHeight: 440);
        var (written, probability) = Write(model, storyteller.Before(Beginning), tokens: 12);
        string generated = model.Generate(storyteller.Before(Beginning), new() { Temperature = 0, MaxTokens = 12 });

        var top = Temperatures(lesson, storyteller);
        var samples = new List<string>();
        foreach (double temperature in new[] { 0, 0.7, 1, 1.5 })
        {
            samples.Add(
                model.Generate(_prompts[0], new() { Temperature = temperature, MaxTokens = storyteller.ReadsWords ? 80 : 200, Seed = 2 }));
            Console.WriteLine($"temperature {temperature}\n    {(_prompts[0] + samples[^1]).ReplaceLineEndings("\n    ")}\n");
        }

        return new Result(written, generated, probability, top, samples, Score(lesson, model));
    }

    private static Chart NextChart(LanguageModelTransformer model, string prompt)
    {
        IReadOnlyList<TokenProbability> next = model.NextTokens(prompt, 8);
        Console.WriteLine($"{prompt.Trim()} …");
        foreach (var token in next)
        {
            Console.WriteLine(
                $"    {Label(token),-10} {token.Probability,7:P1} {new string('#', (int)Math.Round(40 * token.Probability))}");
        }
        return new Chart($"{prompt.Trim()} …", "next token", "probability, %")
            .Bars([.. next.Select(Label)], (null, [.. next.Select(token => 100 * token.Probability)]))
            .Range(-0.6, next.Count - 0.4, 0, 105);
    }

    // Writing is a loop: predict, choose, append.
    private static (string Written, double Probability) Write(LanguageModelTransformer model, string prompt, int tokens)
    {
        string text = prompt;
        double probability = 1;
        for (int i = 0; i < tokens; i++)
        {
            TokenProbability next = model.NextTokens(text, count: 1)[0];
            text += next.Text;
            probability *= next.Probability;
        }

        Console.WriteLine($"The most probable token, {tokens} times: {text} (probability {probability:P2})\n");
        return (text[prompt.Length..], probability);
    }

    private static double[] Temperatures(Lesson lesson, Storyteller storyteller)
    {
        string prompt = storyteller.Before(Beginning);
        IReadOnlyList<TokenProbability>[] next = [.. _temperatures.Select(temperature =>
            storyteller.Model.NextTokens(prompt, int.MaxValue, new() { Temperature = temperature }))];
        var shown = next[1].Take(10).ToArray();
        new Chart($"{prompt.Trim()} …", "next token", "probability, %")
            .Bars([.. shown.Select(Label)], [.. _temperatures.Zip(next, (temperature, tokens) => (
                (string?)$"temperature {temperature}", (IReadOnlyList<double>)[.. shown.Select(token =>
                    100 * tokens.FirstOrDefault(other => other.Id == token.Id).Probability)]))])
            .Range(-0.6, shown.Length - 0.4, 0, 105)
            .Save(lesson.Output.File("text-temperature.png", "probabilities by temperature"));
        return [.. next.Select(tokens => tokens[0].Probability)];
    }

    private static double[] Score(Lesson lesson, LanguageModelTransformer model)
    {
        const string sentence = "One day, Lily went to the park with her mom. She played with the ball all day.";
        var random = new Random(1);
        string[] words = sentence.Split(' ');
        random.Shuffle(words);
        char[] letters = sentence.ToCharArray();
        random.Shuffle(letters);
        string[] texts = [sentence, string.Join(' ', words), new string(letters)];
        double[] bits = [.. texts.Select(text => lesson.ML.Generative().EvaluateLanguageModel(
            model, lesson.ML.Data.LoadFromEnumerable([new Storyteller.TextRow { Text = text }])).BitsPerByte)];
        foreach (var (text, cost) in texts.Zip(bits))
            Console.WriteLine($"{cost:F2} bits for each byte of: {text}");
        return bits;
    }

    private static string Label(TokenProbability token) => token.Text switch
    {
        "" => "(end)",
        var text => text.Replace(' ', '·').Replace('\n', '¶'),
    };
}
