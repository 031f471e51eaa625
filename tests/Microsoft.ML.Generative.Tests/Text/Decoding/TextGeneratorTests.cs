using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class TextGeneratorTests
{
    // Letters a to d are tokens 0 to 3, and 4 ends a text.
    private static readonly TextCodec _codec = TextCodec.Of(
        GenerativeTokenizers.CharacterLevel(["abcd"], new CharacterLevelOptions { EndOfTextToken = "<end>" }));

    private const int End = 4;

    [Fact]
    public void Greedy_decoding_follows_the_most_probable_token_to_the_end()
    {
        GeneratedText text = Generate(Cycle, new() { Temperature = 0 }, "a");
        Assert.Equal(("bcd", GenerationEnd.Stop, 4, 1), (text.Text, text.End, text.Tokens, text.PromptTokens));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Each_of_several_tokens_ends_a_text(int beams)
    {
        // b a is certain after a; then c and the end of the text, neither of which is part of it.
        TextCodec codec = _codec with { OtherEnds = [2, 3] };
        float[] Next(IReadOnlyList<int> tokens) => tokens.Count switch
        {
            1 => Log(0, 1, 0, 0, 0),
            2 => Log(1, 0, 0, 0, 0),
            _ => Log(0, 0, 0.5, 0.2, 0.3),
        };

        var options = new TextGenerationOptions { Temperature = beams > 1 ? 1 : 0, Beams = beams, MaxTokens = 9 };
        var generator = new TextGenerator(codec, 64, new TableModel(5, 64, Next).Open);
        GeneratedText text = generator.GenerateAll([new GenerationRequest(codec.EncodePrompt("a"), 1)], options, 1, () => { })[0];
        Assert.Equal(("ba", GenerationEnd.Stop, 3), (text.Text, text.End, text.Tokens));
    }

    [Fact]
    public void A_text_ends_after_its_tokens_are_used_up()
    {
        GeneratedText text = Generate(Cycle, new() { Temperature = 0, MaxTokens = 2 }, "a");
        Assert.Equal(("bc", GenerationEnd.Length, 2), (text.Text, text.End, text.Tokens));
    }

    [Fact]
    public void A_stop_string_ends_a_text_and_is_not_in_it()
    {
        GeneratedText text = Generate(Cycle, new() { Temperature = 0, StopStrings = ["cd"] }, "a");
        Assert.Equal(("b", GenerationEnd.Stop), (text.Text, text.End));
    }

    [Fact]
    public void A_bias_can_forbid_a_token()
    {
        var options =
            new TextGenerationOptions { Temperature = 0, LogitBias = new Dictionary<int, float> { [1] = float.NegativeInfinity } };
        Assert.DoesNotContain("b", Generate(Cycle, options, "a").Text);
    }

    [Fact]
    public void The_same_seed_gives_the_same_texts_however_many_are_written_at_a_time()
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 9)
            .Select(i => new GenerationRequest(_codec.EncodePrompt("abcd"[..(i % 4 + 1)]), 100 + i))];
        var options = new TextGenerationOptions { MaxTokens = 12 };
        string[] alone = [.. requests.Select(r => Generator(Wander).GenerateAll([r], options, 1, () => { })[0].Text)];

        foreach (int streams in (int[])[1, 2, 4, 9, 20])
            Assert.Equal(alone, Generator(Wander).GenerateAll(requests, options, streams, () => { }).Select(t => t.Text));
        Assert.Equal(alone, requests.Select(r => string.Concat(Generator(Wander).Stream(r, options))));
        Assert.True(alone.Distinct().Count() > 4);
    }

    [Fact]
    public void A_text_longer_than_the_context_goes_on_with_its_newer_half()
    {
        int longest = 0;
        float[] Next(IReadOnlyList<int> tokens)
        {
            longest = Math.Max(longest, tokens.Count);
            return OneHot((tokens[^1] + 1) % 4);
        }

        GeneratedText text = Generate(Next, new() { Temperature = 0, MaxTokens = 30 }, "a", contextLength: 6);
        Assert.Equal(string.Concat(Enumerable.Range(1, 30).Select(i => "abcd"[i % 4])), text.Text);
        Assert.Equal(6, longest);
        Assert.Equal(text.Text, string.Concat(Generator(Next, 6).Stream(
            new(_codec.EncodePrompt("a"), 1), new() { Temperature = 0, MaxTokens = 30 })));
    }

    [Fact]
    public void A_prompt_longer_than_the_context_begins_with_its_end() =>
        Assert.Equal("a", Generate(
            tokens => OneHot((tokens[^1] + 1) % 4), new() { Temperature = 0, MaxTokens = 1 }, "abcdabcd", contextLength: 4).Text);

    [Fact]
    public void A_text_that_might_outgrow_the_context_is_refused_where_that_is_an_error()
    {
        var options = new TextGenerationOptions { ContextOverflow = ContextOverflow.Error, MaxTokens = 6 };
        var error = Assert.Throws<ArgumentException>(() => Generate(Cycle, options, "a", contextLength: 6));
        Assert.Contains("1 tokens", error.Message);
        Assert.Contains("context of 6", error.Message);
        options.MaxTokens = 5;
        Assert.NotEmpty(Generate(Cycle, options, "a", contextLength: 6).Text);
    }

    [Fact]
    public void Cancellation_stops_between_two_tokens()
    {
        using var stopping = new CancellationTokenSource();
        using IEnumerator<string> pieces = Generator(tokens => OneHot((tokens[^1] + 1) % 4))
            .Stream(new(_codec.EncodePrompt("a"), 1), new() { Temperature = 0 }, cancellation: stopping.Token).GetEnumerator();
        Assert.True(pieces.MoveNext());
        stopping.Cancel();
        Assert.Throws<OperationCanceledException>(() => pieces.MoveNext());
    }

    [Theory]
    [InlineData(2, 1.0)]
    [InlineData(3, 0.0)]
    [InlineData(4, 2.0)]
    [InlineData(64, 1.0)]
    public void Wide_beams_find_the_best_of_all_texts(int beams, double lengthPenalty)
    {
        const int length = 3;
        var options = new TextGenerationOptions { Beams = beams, LengthPenalty = lengthPenalty, MaxTokens = length };
        GeneratedText found = Generate(Wander, options, "ab");

        // All texts of up to three letters.
        (string Text, double Score) best = ("", double.NegativeInfinity);
        void Try(List<int> tokens, string text, double logProbability)
        {
            double Scored(double p, int n) => p / Math.Pow(n, lengthPenalty);
            if (text.Length == length)
            {
                if (Scored(logProbability, length) > best.Score)
                    best = (text, Scored(logProbability, length));
                return;
            }

            double[] logits = [.. Wander(tokens).Select(l => (double)l)];
            double normalizer = Math.Log(logits.Sum(Math.Exp));
            for (int token = 0; token < 5; token++)
            {
                double p = logProbability + logits[token] - normalizer;
                if (token != End)
                    Try([.. tokens, token], text + "abcd"[token], p);
                else if (Scored(p, text.Length + 1) > best.Score)
                    best = (text, Scored(p, text.Length + 1));
            }
        }

        Try([.. _codec.EncodePrompt("ab")], "", 0);
        if (beams == 64)
            Assert.Equal(best.Text, found.Text);
        else
            Assert.NotNull(found.Text);
    }

    [Fact]
    public void A_beam_finds_what_greedy_decoding_misses()
    {
        // b looks better at first, but only a leads to a certain end.
        static float[] Next(IReadOnlyList<int> tokens) => tokens[^1] switch
        {
            2 => Log(0.4, 0.6, 0, 0, 0),
            0 => Log(0, 0, 0, 0, 1),
            _ => Log(0.25, 0.25, 0.25, 0.25, 0),
        };

        Assert.StartsWith("b", Generate(Next, new() { Temperature = 0, MaxTokens = 3 }, "c").Text);
        Assert.Equal("a", Generate(Next, new() { Beams = 2, MaxTokens = 3, LengthPenalty = 0 }, "c").Text);
    }

    // The end at once has log 0.4 = −0.92; a and then the end log 0.36 / 2 = −0.51, with the end counted.
    [Theory]
    [InlineData(1, "a")]
    [InlineData(0, "")]
    public void The_token_that_ends_a_text_counts_in_its_length(double lengthPenalty, string expected)
    {
        static float[] Next(IReadOnlyList<int> tokens) => tokens.Count == 1 ? Log(0.6, 0, 0, 0, 0.4) : Log(0, 0.4, 0, 0, 0.6);
        GeneratedText text = Generate(Next, new() { Beams = 2, MaxTokens = 2, LengthPenalty = lengthPenalty }, "c");
        Assert.Equal((expected, GenerationEnd.Stop), (text.Text, text.End));
    }

    // Logits of 4 and 3 for a and b: halved, 2 is less than 3; but log p(a) = −0.31 doubled is still more than log p(b) = −1.31.
    [Fact]
    public void Penalties_of_a_beam_act_on_log_probabilities()
    {
        static float[] Next(IReadOnlyList<int> tokens) => [4, 3, -9, -9, -9];
        var options = new TextGenerationOptions { Beams = 2, MaxTokens = 1, RepetitionPenalty = 2 };
        Assert.Equal("a", Generate(Next, options, "a").Text);
        (options.Beams, options.Temperature) = (1, 0);
        Assert.Equal("b", Generate(Next, options, "a").Text);
    }

    // At the last step only as many candidates count as there are beams: here two ends, and not the text that continues.
    [Fact]
    public void The_last_step_of_a_beam_search_counts_the_best_candidates_only()
    {
        TextCodec codec = _codec with { OtherEnds = [3] };
        static float[] Next(IReadOnlyList<int> tokens) => tokens.Count == 1 ? Log(0.5, 0.5, 0, 0, 0) : Log(0.2, 0, 0, 0.4, 0.4);
        var options = new TextGenerationOptions { Beams = 2, MaxTokens = 2 };
        GeneratedText text = new TextGenerator(codec, 64, new TableModel(5, 64, Next).Open)
            .GenerateAll([new GenerationRequest(codec.EncodePrompt("c"), 1)], options, 1, () => { })[0];
        Assert.Equal(("a", GenerationEnd.Stop, 2), (text.Text, text.End, text.Tokens));
    }

    // b is worse than a and its followers, and ends where the stop string is complete.
    [Fact]
    public void A_stop_string_ends_a_beam()
    {
        static float[] Next(IReadOnlyList<int> tokens) => tokens.Count == 1 ? Log(0.4, 0.6, 0, 0, 0)
            : tokens[1] == 1 ? Log(0, 0, 0.9, 0.1, 0) : Log(0.25, 0.25, 0.25, 0.25, 0);
        var options = new TextGenerationOptions { Beams = 2, MaxTokens = 6, StopStrings = ["bc"], LengthPenalty = 0 };
        GeneratedText text = Generate(Next, options, "d");
        Assert.Equal(("", GenerationEnd.Stop, 2), (text.Text, text.End, text.Tokens));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Outputs_that_are_no_numbers_are_an_error(int beams)
    {
        foreach (float output in (float[])[float.NaN, float.PositiveInfinity])
        {
            var error = Assert.Throws<InvalidOperationException>(
                () => Generate(_ => [1, output, 0, 0, 0], new() { Temperature = beams > 1 ? 1 : 0, Beams = beams, MaxTokens = 2 }, "a"));
            Assert.Contains("not finite", error.Message);
        }
    }

    private static float[] Log(params double[] probabilities) => [.. probabilities.Select(p => (float)Math.Log(p))];

    private static float[] OneHot(int token) => [.. Enumerable.Range(0, 5).Select(i => i == token ? 5f : 0f)];

    // a b c d, then the end.
    private static float[] Cycle(IReadOnlyList<int> tokens) => OneHot(tokens[^1] + 1);

    // Logits that depend on the last three tokens in no simple way.
    private static float[] Wander(IReadOnlyList<int> tokens)
    {
        long key = tokens.TakeLast(3).Aggregate(tokens.Count % 7L, (sum, token) => sum * 11 + token);
        var random = new RowRandom(5, key);
        return [.. Enumerable.Range(0, 5).Select(i => (i == End ? -1f : 0f) + 2 * random.NextSingle())];
    }

    private static TextGenerator Generator(Func<IReadOnlyList<int>, float[]> next, int contextLength = 64) =>
        new(_codec, contextLength, new TableModel(5, contextLength, next).Open);

    private static GeneratedText Generate(
        Func<IReadOnlyList<int>, float[]> next, TextGenerationOptions options, string prompt, int contextLength = 64)
    {
        options.Validate(5);
        return Generator(next, contextLength)
            .GenerateAll([new GenerationRequest(_codec.EncodePrompt(prompt), 1)], options, 4, () => { })[0];
    }
}
