using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class SpeculativeDecodingTests
{
    private readonly MLContext _ml = new(seed: 1);

    // Right, wrong and half right guesses, of a model that goes round in its vocabulary.
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    public void Texts_are_the_same_with_any_guesses(double temperature)
    {
        TextCodec codec = TextCodec.Of(Tokenizers.GenerativeTokenizers.CharacterLevel(["abcde"]));
        var options = new TextGenerationOptions { Temperature = temperature, MaxTokens = 60, TopK = temperature == 0 ? null : 4 };
        var statistics = new List<TextGenerationStatistics>();
        GenerationRequest[] requests =
            [.. Enumerable.Range(0, 5).Select(i => new GenerationRequest(codec.EncodePrompt("abcd"[..(i % 4 + 1)]), 100 + i))];
        SpeculativeDecoding[] guesses =
        [
            new Guess(4, t => (t[^1] + 1) % 5), new Guess(3, _ => 2), new Guess(9, t => t.Count % 5), SpeculativeDecoding.PromptLookup(6),
        ];
        foreach (int context in (int[])[64, 12])
        {
            var generator = new TextGenerator(codec, context, new TableModel(5, context, Next).Open);
            options.Speculation = null;
            string[] expected = [.. generator.GenerateAll(requests, options, 2, () => { }).Select(t => t.Text)];
            foreach (SpeculativeDecoding guess in guesses)
            {
                options.Speculation = guess;
                options.Statistics = new Collector(statistics.Add);
                Assert.Equal(expected, generator.GenerateAll(requests, options, 2, () => { }).Select(t => t.Text));
                Assert.Equal(expected[0], string.Concat(generator.Stream(requests[0], options)));
            }
        }

        Assert.All(statistics, s => Assert.Equal(60, s.Tokens));
        Assert.All(statistics, s => Assert.InRange(s.AcceptedTokens, 0, s.DraftedTokens));
        Assert.Contains(statistics, s => s.AcceptedTokens > 0 && s.ModelSteps < 60);
        Assert.All(statistics, s => Assert.True(s.ModelSteps + s.AcceptedTokens >= 59 && s.TokensPerSecond > 0));

        static float[] Next(IReadOnlyList<int> tokens) => [.. Enumerable.Range(0, 5).Select(
            i => i == (tokens[^1] + 1) % 5 ? 4f : i == (tokens[^1] + tokens.Count) % 5 ? 3f : i * 0.1f)];
    }

    // Pearson's χ² of pairs of tokens after the prompt, with 15 degrees of freedom: below 37.7 but for one sample in a thousand.
    [Fact]
    public void Sampled_texts_have_the_models_distribution()
    {
        const int texts = 4000;
        TextCodec codec = TextCodec.Of(Tokenizers.GenerativeTokenizers.CharacterLevel(["abcd"]));
        var generator = new TextGenerator(codec, 16, new TableModel(4, 16, Logits).Open);
        var options = new TextGenerationOptions { MaxTokens = 2, Speculation = new Guess(2, t => t.Count % 4) };
        GenerationRequest[] requests = [.. Enumerable.Range(0, texts).Select(i => new GenerationRequest(codec.EncodePrompt("a"), i))];
        int[] counts = new int[16];
        foreach (GeneratedText text in generator.GenerateAll(requests, options, 1, () => { }))
            counts[4 * (text.Text[0] - 'a') + text.Text[1] - 'a']++;
        double statistic = 0;
        for (int first = 0; first < 4; first++)
        {
            for (int second = 0; second < 4; second++)
            {
                double expected = texts * Probability([0], first) * Probability([0, first], second);
                statistic += Math.Pow(counts[4 * first + second] - expected, 2) / expected;
            }
        }

        Assert.InRange(statistic, 0, 37.7);

        static float[] Logits(IReadOnlyList<int> tokens) =>
            [.. Enumerable.Range(0, 4).Select(i => MathF.Sin(3 * i + 2 * tokens[^1] + tokens.Count))];

        static double Probability(int[] tokens, int next)
        {
            float[] logits = Logits(tokens);
            return Math.Exp(logits[next]) / logits.Sum(l => Math.Exp(l));
        }
    }

    [Fact]
    public void A_draft_model_and_lookup_give_the_same_texts_in_generate_stream_rows_and_chat()
    {
        LanguageModelOptions options = TinyText.Options();
        (options.Seed, options.Threads) = (5, 1);
        using LanguageModelTransformer model = _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));
        using LanguageModelTransformer draft = model.Quantize(WeightFormat.Q4_0);
        foreach (double temperature in (double[])[0, 0.8])
        {
            TextGenerationStatistics? found = null;
            var plain = new TextGenerationOptions { Temperature = temperature, MaxTokens = 20, Seed = 3 };
            string text = model.Generate("the cat", plain);
            string answer = Chat(plain);
            SpeculativeDecoding[] all = [draft.AsDraft(3), model.AsDraft(5), SpeculativeDecoding.PromptLookup()];
            foreach (SpeculativeDecoding speculation in all)
            {
                var fast = new TextGenerationOptions
                {
                    Temperature = temperature,
                    MaxTokens = 20,
                    Seed = 3,
                    Speculation = speculation,
                    Statistics = new Collector(s => found = s),
                };
                Assert.Equal(text, model.Generate("the cat", fast));
                Assert.Equal(found!.Tokens - 1, found.ModelSteps + found.AcceptedTokens);
                // A model that guesses its own tokens is right.
                if (speculation.Tokens == 5)
                    Assert.True(found.AcceptedTokens > 0);
                Assert.Equal(text, string.Concat(model.Stream("the cat", fast)));
                Assert.Equal(answer, Chat(fast));
            }
        }

        string Chat(TextGenerationOptions generation)
        {
            using IChatClient client = model.AsChatClient(ChatTemplate.FromJinja("{{ messages[0].content }}"), generation);
            return client.GetResponseAsync("the cat").GetAwaiter().GetResult().Text;
        }
    }

    [Fact]
    public void Kernels_extend_and_truncate_streams_to_the_bit_with_and_without_a_window()
    {
        foreach (int? window in (int?[])[null, 5])
        {
            LanguageModelArchitecture architecture = TinyLanguageModels.All["llama"] with { ContextLength = 200, SlidingWindow = window };
            using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
            using KernelDecodingSession plain = new(network, 1, 200), session = new(network, 1, 200);
            float[] expected = new float[11], logits = new float[65 * 11];
            for (int i = 0; i < 150; i += 3)
            {
                // Guesses that are taken back, then the tokens themselves.
                int[] guesses = [.. Enumerable.Range(0, Math.Min(65, 200 - i)).Select(j => j * 7 % 11)];
                session.Extend(0, guesses, logits);
                session.Truncate(0, i);
                session.Extend(0, [i % 11, (i + 1) % 11, (i + 2) % 11], logits);
                for (int j = 0; j < 3; j++)
                {
                    plain.Append([0], [(i + j) % 11], expected);
                    Assert.Equal(expected, logits.AsSpan(11 * j, 11).ToArray());
                }
            }
        }
    }

    [Fact]
    public void Other_vocabularies_and_beams_are_refused()
    {
        LanguageModelOptions options = TinyText.Options();
        using LanguageModelTransformer model = _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));
        string[] texts = ["the cat sat on a mat, dogs run far; every quick brown jump vexed lazy wizards."];
        options.Tokenizer = Tokenizers.GenerativeTokenizers.CharacterLevel(texts);
        using LanguageModelTransformer other = _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));
        TextGenerationOptions wrong = new() { Speculation = other.AsDraft() }, beams = new() { Beams = 2, Speculation = model.AsDraft() };
        Assert.Contains("tokenizer", Assert.Throws<ArgumentException>(() => model.Generate("the", wrong)).Message);
        Assert.Contains("Beams", Assert.Throws<ArgumentException>(() => model.Generate("the", beams)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.AsDraft(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => SpeculativeDecoding.PromptLookup(65));
    }

    [Fact]
    public void Lookup_guesses_what_followed_the_longest_of_the_last_matches()
    {
        Assert.Equal([4, 5, 6], Propose([1, 2, 3, 4, 5, 6, 9, 1, 2, 3], 3));
        // The later of two; of a shorter match where there is no longer one.
        Assert.Equal([8, 1], Propose([1, 7, 1, 8, 1], 2));
        Assert.Empty(Propose([1, 2, 3], 4));
        Assert.Equal([1], Propose([1, 1, 1], 2));

        static List<int> Propose(int[] tokens, int count)
        {
            List<int> drafts = [];
            using IDraft draft = SpeculativeDecoding.PromptLookup().Open(new TextGenerationOptions(), 1);
            draft.Propose(tokens, 0, count, drafts);
            return drafts;
        }
    }

    private sealed class Collector(Action<TextGenerationStatistics> add) : IProgress<TextGenerationStatistics>
    {
        public void Report(TextGenerationStatistics value) => add(value);
    }

    private sealed class Guess(int tokens, Func<IReadOnlyList<int>, int> next) : SpeculativeDecoding(tokens), IDraft
    {
        public void Propose(IReadOnlyList<int> all, int generated, int count, List<int> drafts)
        {
            List<int> known = [.. all];
            for (int i = 0; i < count; i++)
            {
                known.Add(next(known));
                drafts.Add(known[^1]);
            }
        }

        public void Dispose()
        {
        }

        internal override void Check(TextCodec codec)
        {
        }

        internal override IDraft Open(TextGenerationOptions options, long seed) => this;
    }
}
