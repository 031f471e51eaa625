using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Exposure of canaries: Carlini et al., "The secret sharer", USENIX Security 2019, definition 4.</summary>
public sealed class ExposureTests
{
    private readonly MLContext _ml = new(seed: 1);

    // log₂ |R| − log₂ rank.
    [Theory]
    [InlineData(1, 1024, 10)]
    [InlineData(1024, 1024, 0)]
    [InlineData(4, 1024, 8)]
    [InlineData(3, 100, 5.0588936891)]
    public void It_is_the_logarithm_of_how_much_guessing_is_saved(long rank, long candidates, double expected) =>
        Assert.Equal(expected, new ExposureMetrics("x", 1, rank, candidates).Exposure, 9);

    // A model of counts: after "is ", 7 comes three times as often as 3, and 3 twice as often as others.
    [Fact]
    public void Canaries_are_ranked_by_how_probable_the_model_takes_them()
    {
        string[] all = [.. Enumerable.Range(0, 10).Select(i => $"it is {i}.")];
        string text = string.Concat(Enumerable.Repeat("it is 7.it is 7.it is 7.it is 7.it is 7.it is 7.it is 3.it is 3.it is 5.", 30));
        using LanguageModelTransformer model = Train(text);
        IReadOnlyList<ExposureMetrics> found = _ml.Generative().EvaluateExposure(model, ["it is 3.", "it is 7."], all);
        Assert.Equal([2, 1], found.Select(f => f.Rank));
        Assert.Equal([Math.Log2(5), Math.Log2(10)], found.Select(f => f.Exposure));
        Assert.Equal(["it is 3.", "it is 7."], found.Select(f => f.Canary));
        Assert.All(found, f => Assert.Equal(10, f.Candidates));

        // The likelihood is that of the whole text, as the evaluation of texts has it but for its end.
        LanguageModelMetrics whole = _ml.Generative().EvaluateLanguageModel(
            model, _ml.Data.LoadFromEnumerable([new { Text = "it is 3." }]));
        Assert.Equal(whole.NegativeLogLikelihood * whole.Tokens, found[0].NegativeLogLikelihood, 4);
    }

    [Fact]
    public void Arguments_that_make_no_sense_are_named()
    {
        using LanguageModelTransformer model = Train("abcabcabcabcabcabc0123456789");
        GenerativeCatalog catalog = _ml.Generative();
        Assert.Contains(
            "'abd' is not among the 2 candidates",
            Assert.Throws<ArgumentException>(() => catalog.EvaluateExposure(model, ["abd"], ["abc", "cba", "abc"])).Message);
        Assert.Contains(
            "'a' has 1 tokens; expected 2 to 33",
            Assert.Throws<ArgumentException>(() => catalog.EvaluateExposure(model, ["a"], ["a", "ab"])).Message);
        string tooLong = new('a', 34);
        Assert.Contains(
            "has 34 tokens", Assert.Throws<ArgumentException>(() => catalog.EvaluateExposure(model, [tooLong], [tooLong])).Message);
    }

    private LanguageModelTransformer Train(string text) => _ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
    {
        Tokenizer = GenerativeTokenizers.CharacterLevel(["abcits 0123456789.", text], new() { EndOfTextToken = null }),
        Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 1, Heads = 2, EmbeddingSize = 16, ContextLength = 32 },
        BatchSize = 8,
        MaxSteps = text.Length > 100 ? 120 : 1,
        LearningRate = 1e-2,
        Threads = 1,
        Precision = ComputePrecision.Float32,
    }).Fit(_ml.Data.LoadFromEnumerable([new { Text = text }]));
}
