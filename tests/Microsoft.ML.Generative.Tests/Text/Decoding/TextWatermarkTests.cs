using System.Text.Json;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The watermark of Kirchenbauer et al., "A watermark for large language models", ICML 2023.</summary>
public sealed class TextWatermarkTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz";

    private static readonly TextCodec _codec = TextCodec.Of(
        GenerativeTokenizers.CharacterLevel([Letters], new CharacterLevelOptions { EndOfTextToken = null }));

    private static readonly TextWatermark _watermark = new() { Key = "secret" };

    // z = (g − γT) / √(Tγ(1 − γ)), equation 3 with γ. The second is the paper's example: 16 green tokens of 16 are enough for z = 4.
    [Theory]
    [InlineData(100, 50, 0.25, 5.773502692)]
    [InlineData(16, 16, 0.5, 4)]
    [InlineData(200, 50, 0.25, 0)]
    [InlineData(300, 20, 0.1, -1.924500897)]
    [InlineData(0, 0, 0.25, 0)]
    public void The_score_is_the_closed_form(int tokens, int green, double fraction, double expected) =>
        Assert.Equal(expected, new TextWatermarkDetection(tokens, green, fraction).ZScore, 8);

    // 4 of 4 with a quarter each; P(X ≥ 5) of ten coins is 638 / 1024; 16 heads of 16; one or more of three.
    [Theory]
    [InlineData(4, 4, 0.25, 1.0 / 256)]
    [InlineData(10, 5, 0.5, 638.0 / 1024)]
    [InlineData(16, 16, 0.5, 1.0 / 65536)]
    [InlineData(3, 1, 0.1, 1 - 0.729)]
    [InlineData(7, 0, 0.25, 1)]
    [InlineData(0, 0, 0.25, 1)]
    public void The_probability_is_the_upper_tail_of_the_binomial_distribution(int tokens, int green, double fraction, double expected) =>
        Assert.Equal(expected, new TextWatermarkDetection(tokens, green, fraction).PValue, 12);

    // With many tokens the tail is the normal one: of 3 standard deviations with half a token of correction, 0.00135.
    [Fact]
    public void The_tail_of_many_tokens_is_the_normal_one()
    {
        const int tokens = 1_000_000;
        int green = (int)(tokens / 2 + 3 * Math.Sqrt(tokens) / 2);
        Assert.Equal(0.00134990, new TextWatermarkDetection(tokens, green, 0.5).PValue, 5e-6);
        Assert.Equal(0, new TextWatermarkDetection(tokens, tokens, 0.5).PValue);
    }

    // Algorithm 2: p = e^(l + δ) of green tokens, e^l of red ones, divided by their sum; with a temperature e^(l / T + δ).
    [Theory]
    [InlineData(1)]
    [InlineData(0.5)]
    public void Green_tokens_are_more_probable_by_the_power_of_the_bias(double temperature)
    {
        const int size = 4_000;
        var options = new TextGenerationOptions { Watermark = new() { Key = "k", Bias = 1.5 }, Temperature = temperature };
        float[] logits = new float[size];
        new LogitAdjustments(options, [7]).Apply(logits);
        double[] probabilities = new TokenSampler(options, size).Distribution(logits);
        double red = probabilities.Min(), green = probabilities.Max();
        Assert.Equal(Math.Exp(1.5), green / red, 5);
        int count = probabilities.Count(p => p > (red + green) / 2);
        // A quarter of the vocabulary, to 4 standard deviations of 27.4.
        Assert.InRange(count, 1_000 - 110, 1_000 + 110);
        Assert.Equal(1 / (count * Math.Exp(1.5) + size - count), red, 8);

        // The tokens are those that the detector counts.
        Assert.All(Enumerable.Range(0, size), token => Assert.Equal(
            probabilities[token] > (red + green) / 2 ? 1 : 0, options.Watermark.Detect([7, token]).GreenTokens));
    }

    [Fact]
    public void The_key_and_all_tokens_of_the_context_decide()
    {
        var wide = new TextWatermark { Key = "k", ContextWidth = 3 };
        string before = Greens(wide, [1, 2, 3]);
        Assert.Equal(before, Greens(wide, [9, 1, 2, 3]));
        Assert.NotEqual(before, Greens(wide, [1, 2, 4]));
        Assert.NotEqual(before, Greens(wide, [4, 2, 3]));
        Assert.NotEqual(before, Greens(wide, [1, 3, 2]));
        Assert.NotEqual(before, Greens(new TextWatermark { Key = "l", ContextWidth = 3 }, [1, 2, 3]));

        // Without enough of a context nothing is green.
        Assert.DoesNotContain('1', Greens(wide, [2, 3]));

        static string Greens(TextWatermark watermark, int[] context)
        {
            float[] logits = new float[200];
            new LogitAdjustments(new() { Watermark = watermark }, context).Apply(logits);
            return string.Concat(logits.Select(logit => logit > 0 ? '1' : '0'));
        }
    }

    [Fact]
    public void A_sequence_that_comes_again_is_counted_once()
    {
        int[] tokens = [.. Enumerable.Range(0, 100).Select(i => i % 4)];
        Assert.Equal(4, _watermark.Detect(tokens).Tokens);
        Assert.Equal(4, new TextWatermark { Key = "k", ContextWidth = 2 }.Detect(tokens).Tokens);
        Assert.Equal(99, _watermark.Detect([.. Enumerable.Range(0, 100)]).Tokens);
        Assert.Equal(0, _watermark.Detect([5]).Tokens);
        Assert.Equal(0, _watermark.Detect([]).Tokens);
    }

    // 1,000 sequences without the watermark, each by a key of its own: the score has mean 0 and variance 1, and exceeds 2 in 2.3 % to
    // 2.9 % (normal, binomial) and 4 in one of ten thousand.
    [Fact]
    public void Of_texts_without_it_the_score_is_standard_normal()
    {
        const int texts = 1_000;
        var random = new Random(5);
        double[] scores = [.. Enumerable.Range(0, texts).Select(i =>
        {
            var watermark = new TextWatermark { Key = $"key {i}" };
            return watermark.Detect([.. Enumerable.Range(0, 100).Select(_ => random.Next(5_000))]).ZScore;
        })];
        double mean = scores.Average();
        Assert.Equal(0, mean, 4 / Math.Sqrt(texts));
        Assert.Equal(1, scores.Average(z => z * z), 4 * Math.Sqrt(2.0 / texts));
        Assert.InRange(scores.Count(z => z > 2) / (double)texts, 0.008, 0.048);
        Assert.InRange(scores.Count(z => z > 4), 0, 2);
    }

    [Fact]
    public async Task Every_way_to_generate_marks_the_same_text()
    {
        var options = new TextGenerationOptions { MaxTokens = 150, Watermark = new() { Key = "secret", Bias = 4, ContextWidth = 2 } };
        var request = new GenerationRequest(_codec.EncodePrompt("ab"), 3);
        var model = new TableModel(_codec.VocabularySize, 512, _ => new float[_codec.VocabularySize]);
        var generator = new TextGenerator(_codec, 512, model.Open);
        string text = string.Concat(generator.Stream(request, options));
        TextWatermarkDetection found = options.Watermark.Detect(text, _codec.Tokenizer);
        Assert.True(found.ZScore > 8, $"{found.ZScore}");
        Assert.InRange(found.Tokens, 120, 150 - 2);

        Assert.Equal(text, generator.GenerateAll([request, request], options, 2, () => { })[1].Text);
        using var scheduler = new DecodingScheduler(512, model.Open, 1 << 20);
        var scheduled = new ScheduledText(request, options, _codec, new MemoryStream()) { IsAsynchronous = true };
        scheduler.Add(scheduled);
        string concurrent = "";
        await foreach (string piece in scheduler.EnumerateAsync(scheduled, CancellationToken.None))
            concurrent += piece;
        Assert.Equal(text, concurrent);
        TextGenerationOptions guessing = options.Copy();
        guessing.Speculation = SpeculativeDecoding.PromptLookup();
        Assert.Equal(text, string.Concat(generator.Stream(request, guessing)));

        // Another key does not find it, nor does the same one find it elsewhere.
        Assert.InRange(new TextWatermark { Key = "other", ContextWidth = 2 }.Detect(text, _codec.Tokenizer).ZScore, -4, 4);
        string plain = string.Concat(generator.Stream(request, new() { MaxTokens = 150 }));
        Assert.InRange(options.Watermark.Detect(plain, _codec.Tokenizer).ZScore, -4, 4);
    }

    // Where all tokens are equally probable, the best text is green throughout.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Greedy_and_beam_search_choose_green_tokens(int beams)
    {
        var options = new TextGenerationOptions
        {
            MaxTokens = 40,
            Temperature = beams > 1 ? 1 : 0,
            Beams = beams,
            Watermark = new() { Key = "secret", GreenFraction = 0.5, ContextWidth = 4 },
        };
        var model = new TableModel(_codec.VocabularySize, 512, _ => new float[_codec.VocabularySize]);
        int[] prompt = _codec.EncodePrompt("abcd");
        string text = new TextGenerator(_codec, 512, model.Open)
            .GenerateAll([new GenerationRequest(prompt, 3)], options, 1, () => { })[0].Text;
        TextWatermarkDetection found = options.Watermark.Detect([.. prompt, .. _codec.EncodeText(text)]);
        Assert.Equal(40, text.Length);
        // A greedy text may come back to where it was.
        Assert.InRange(found.Tokens, 20, 40);
        Assert.Equal(found.Tokens, found.GreenTokens);
    }

    [Fact]
    public void Kernels_and_libtorch_mark_the_same_text()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(
            TinyLanguageModels.All["llama"] with { VocabularySize = _codec.VocabularySize, ContextLength = 64 });
        var options = new TextGenerationOptions { MaxTokens = 40, Watermark = _watermark };
        var request = new GenerationRequest(_codec.EncodePrompt("a"), 3);
        string kernels = Text(streams => new KernelDecodingSession(network, streams, 64, 1));
        Assert.Equal(kernels, Text(streams => new TorchDecodingSession(network, streams, 64, torch.CPU)));
        options.Watermark = null;
        Assert.NotEqual(kernels, Text(streams => new KernelDecodingSession(network, streams, 64, 1)));

        string Text(Func<int, IDecodingSession> open) => string.Concat(new TextGenerator(_codec, 64, open).Stream(request, options));
    }

    [Fact]
    public void Settings_out_of_range_are_named_before_anything_is_generated()
    {
        foreach ((TextWatermark watermark, string name) in ((TextWatermark, string)[])[
            (new() { Key = "" }, "Key"), (new() { Key = "k", GreenFraction = 0 }, "GreenFraction"),
            (new() { Key = "k", GreenFraction = 1 }, "GreenFraction"), (new() { Key = "k", GreenFraction = double.NaN }, "GreenFraction"),
            (new() { Key = "k", Bias = 0 }, "Bias"), (new() { Key = "k", Bias = 101 }, "Bias"),
            (new() { Key = "k", ContextWidth = 0 }, "ContextWidth"), (new() { Key = "k", ContextWidth = 17 }, "ContextWidth")])
        {
            Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(() => watermark.Detect([1, 2])).Message);
            var options = new TextGenerationOptions { Watermark = watermark };
            Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(() => options.Validate(10)).Message);
        }
    }

    [Fact]
    public void The_key_is_in_no_file_and_in_every_copy()
    {
        var options = new TextGenerationOptions { Watermark = _watermark };
        Assert.DoesNotContain("secret", JsonSerializer.Serialize(options));
        Assert.Same(_watermark, options.Copy().Watermark);
    }
}
