using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Tests;

public sealed class LanguageModelConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    protected override string InputColumn => "Text";

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().LanguageModel(TinyText.Options().With(configure));

    protected override void CallAll(LanguageModelTransformer model)
    {
        const string Prompt = "the cat";
        var options = new TextGenerationOptions { MaxTokens = 3, Seed = 1 };
        model.Generate(Prompt, options);
        model.Generate(2, options);
        _ = string.Concat(model.Stream(Prompt, options));
        model.NextTokens(Prompt);
        model.Attention(Prompt);
        using IEmbeddingGenerator<string, Embedding<float>> embeddings = model.AsEmbeddingGenerator();
        embeddings.GenerateVectorAsync(Prompt).GetAwaiter().GetResult();
    }

    protected override IDataView CreateData(MLContext ml) => TinyText.Data(ml);
}

/// <summary>Sentences of a tiny grammar, and the smallest language model that learns something of them.</summary>
internal static class TinyText
{
    private static readonly string[] _subjects = ["the cat", "a dog", "my hen"];
    private static readonly string[] _verbs = ["sees", "eats", "has"];
    private static readonly string[] _objects = ["a fish.", "the hat.", "corn."];

    public static string[] Sentences { get; } =
        [.. _subjects.SelectMany(s => _verbs.SelectMany(v => _objects.Select(o => $"{s} {v} {o}")))];

    public static IDataView Data(MLContext ml) =>
        ml.Data.LoadFromEnumerable(Sentences.Select((text, i) => new TextRow { Text = text, Number = i }));

    public static LanguageModelOptions Options() => new()
    {
        Architecture = LanguageModelArchitecture.LlamaNano with
        {
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 16,
            FeedForwardSize = 16,
            ContextLength = 24,
        },
        Epochs = 2,
        BatchSize = 4,
        TransformBatchSize = 7,
        Generation = new TextGenerationOptions { MaxTokens = 5 },
        Precision = ComputePrecision.Float32,
    };
}

internal sealed class TextRow
{
    public string Text { get; set; } = "";

    public float Number { get; set; }
}
