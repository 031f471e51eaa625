namespace Microsoft.ML.Generative.Tests;

public sealed class SequenceToSequenceConformityTests : EstimatorConformity<SequenceToSequenceTransformer>
{
    protected override string InputColumn => "Text";

    protected override IEstimator<SequenceToSequenceTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().SequenceToSequence(TinyPairs.Options().With(configure));

    protected override void CallAll(SequenceToSequenceTransformer model)
    {
        const string Source = "abc";
        var options = new TextGenerationOptions { MaxTokens = 3, Seed = 1 };
        model.Generate(Source);
        model.Generate(Source, options);
        model.Generate([Source, "cab"], options);
        _ = string.Concat(model.Stream(Source, options));
    }

    protected override IDataView CreateData(MLContext ml) => TinyPairs.Data(ml);
}

/// <summary>Words and their reversals, and the smallest encoder–decoder that learns something of them.</summary>
internal static class TinyPairs
{
    public static IDataView Data(MLContext ml, int rows = 27)
    {
        var random = new Random(5);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, rows).Select(i =>
        {
            string word = string.Concat(Enumerable.Range(0, 1 + random.Next(5)).Select(_ => (char)('a' + random.Next(4))));
            return new PairRow { Text = word, Target = string.Concat(word.Reverse()), Number = i };
        }).ToArray());
    }

    public static SequenceToSequenceOptions Options() => new()
    {
        Architecture = SequenceToSequenceArchitecture.T5Nano with
        {
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 16,
            FeedForwardSize = 16,
        },
        Epochs = 2,
        BatchSize = 4,
        TransformBatchSize = 7,
        Generation = new TextGenerationOptions { MaxTokens = 6, Temperature = 0 },
        Precision = ComputePrecision.Float32,
    };
}

internal sealed class PairRow
{
    public string Text { get; set; } = "";

    public string Target { get; set; } = "";

    public float Number { get; set; }
}
