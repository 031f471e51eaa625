using Microsoft.ML;
using Microsoft.ML.Generative;

namespace GenerativeWeb;

/// <summary>A small language model of a small language.</summary>
internal static class Writer
{
    private static readonly string[] _nouns = ["cat", "dog", "bird", "child"];
    private static readonly string[] _verbs = ["sees", "hears", "likes"];
    private static readonly string[] _adjectives = ["small", "old", "happy"];

    /// <summary>Trains the model, half a minute on two cores, and saves it.</summary>
    /// <param name="path">The model's file.</param>
    public static void Train(string path)
    {
        var mlContext = new MLContext(seed: 1);
        var random = new Random(1);
        string Any(string[] words) => words[random.Next(words.Length)];

        // Put your own texts here, one a row.
        IDataView data = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 2_000).Select(_ => new
        {
            Text = $"The {Any(_adjectives)} {Any(_nouns)} {Any(_verbs)} the {Any(_adjectives)} {Any(_nouns)}.",
        }));
        using LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.GptNano with { Layers = 2, Heads = 2, EmbeddingSize = 64, ContextLength = 64 },
            MaxSteps = 400,
            Progress = new Progress<TrainingProgress>(p => Console.WriteLine($"step {p.Step} of {p.TotalSteps}, loss {p.Loss:F3}")),
        }).Fit(data);
        mlContext.Model.Save(model, data.Schema, path);
    }
}
