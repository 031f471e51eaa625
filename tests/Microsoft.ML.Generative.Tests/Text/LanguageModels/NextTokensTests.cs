using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class NextTokensTests
{
    private const string Prompt = "the cat s";

    private static readonly TextGenerationOptions _plain = new();

    [Fact]
    public void The_probabilities_are_the_softmax_of_the_network_s_logits()
    {
        using LanguageModelTransformer model = Train();
        double[] logits = LanguageModelNetworkTests.Logits(model.Network, model.Codec.EncodePrompt(Prompt))[^1];
        double sum = logits.Sum(Math.Exp);

        IReadOnlyList<TokenProbability> next = model.NextTokens(Prompt, int.MaxValue, _plain);
        Assert.Equal(model.Codec.VocabularySize, next.Count);
        Assert.All(next, token => Assert.Equal(Math.Exp(logits[token.Id]) / sum, token.Probability, 5));
        Assert.Equal(next.OrderByDescending(token => token.Probability), next);
        Assert.Equal(next.Take(3), model.NextTokens(Prompt, 3, _plain));
    }

    [Fact]
    public void Texts_begin_with_tokens_as_often_as_they_are_probable()
    {
        const int texts = 4_000;
        using LanguageModelTransformer model = Train();
        var options = new TextGenerationOptions { Temperature = 1.5, TopK = 6, MaxTokens = 1, Seed = 5 };
        ILookup<string, string> drawn = model.Generate(texts, options).GetColumn<string>("Completion").ToLookup(text => text);

        IReadOnlyList<TokenProbability> next = model.NextTokens("", options: options);
        Assert.Equal(6, next.Count);
        Assert.Equal(1, next.Sum(token => token.Probability), 9);
        Assert.All(next, token => Assert.Equal(token.Probability, drawn[token.Text].Count() / (double)texts, 4 * Math.Sqrt(0.25 / texts)));
    }

    [Fact]
    public void A_temperature_raises_the_probabilities_to_its_inverse()
    {
        using LanguageModelTransformer model = Train();
        IReadOnlyList<TokenProbability> plain = model.NextTokens(Prompt, int.MaxValue, _plain),
            cold = model.NextTokens(Prompt, int.MaxValue, new() { Temperature = 0.5 });
        double squares = plain.Sum(token => token.Probability * token.Probability);
        Assert.All(
            cold.Zip(plain), pair => Assert.Equal(pair.Second.Probability * pair.Second.Probability / squares, pair.First.Probability, 6));
        Assert.Equal(1, Assert.Single(model.NextTokens(Prompt, 5, new() { Temperature = 0 })).Probability);
    }

    [Fact]
    public void What_cannot_be_drawn_is_left_out_and_what_the_tokens_add_is_their_text()
    {
        using LanguageModelTransformer model = Train();
        int forbidden = model.NextTokens(Prompt, 1, _plain)[0].Id;
        IReadOnlyList<TokenProbability> next = model.NextTokens(
            Prompt, int.MaxValue, new() { LogitBias = new Dictionary<int, float> { [forbidden] = float.NegativeInfinity } });
        Assert.DoesNotContain(next, token => token.Id == forbidden);
        Assert.Equal(1, next.Sum(token => token.Probability), 9);
        Assert.All(next, token => Assert.Equal(token.Id == model.Codec.End ? "" : model.Tokenizer.Decode([token.Id]), token.Text));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using LanguageModelTransformer model = Train();
        Assert.Throws<ArgumentOutOfRangeException>(() => model.NextTokens(Prompt, 0));
        Assert.Throws<ArgumentNullException>(() => model.NextTokens(null!));
        Assert.Throws<ArgumentException>(() => model.NextTokens("東"));
        Assert.ThrowsAny<ArgumentException>(() => model.NextTokens(Prompt, 3, new() { TopP = 0 }));
    }

    // Two epochs: far from certain of anything.
    private static LanguageModelTransformer Train()
    {
        MLContext ml = new(seed: 1);
        return ml.Transforms.Generative().LanguageModel(TinyText.Options()).Fit(TinyText.Data(ml));
    }
}
