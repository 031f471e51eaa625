using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class LanguageModelTests
{
    [Fact]
    public void A_model_learns_its_grammar_and_writes_by_it()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer model = Train(
            ml, o => (o.Epochs, o.LearningRate, ((LanguageModelOptions)o).EmbeddingSize) = (80, 5e-3, 32), layers: 2);

        Assert.Equal("h.", model.Generate("the cat sees a fis", new() { Temperature = 0 }));
        string[] written = [.. model.Generate(40, new() { Seed = 3, Temperature = 0.3 }).GetColumn<string>("Completion")];
        Assert.True(written.Count(TinyText.Sentences.Contains) >= 30, string.Join("\n", written));
        Assert.True(written.Distinct().Count() > 5);
    }

    [Fact]
    public void The_average_loss_of_a_uniform_model_is_the_logarithm_of_its_vocabulary()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer model = Train(ml);
        using (TorchSharp.torch.no_grad())
        {
            foreach (var parameter in model.Network.parameters())
                parameter.zero_();
        }

        LanguageModelMetrics metrics = ml.Generative().EvaluateLanguageModel(model, TinyText.Data(ml));
        int characters = TinyText.Sentences.Sum(s => s.Length);
        Assert.Equal((27, characters + 27, characters), (metrics.Documents, metrics.Tokens, metrics.Bytes));
        double expected = Math.Log(model.Architecture.VocabularySize);
        Assert.Equal(expected, metrics.NegativeLogLikelihood, 5);
        Assert.Equal(model.Architecture.VocabularySize, metrics.Perplexity, 3);
        Assert.Equal(expected / Math.Log(2) * (characters + 27) / characters, metrics.BitsPerByte, 5);
    }

    [Fact]
    public void Evaluation_scores_each_token_of_a_long_text_once_and_more_context_does_not_hurt_a_trained_model()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer model = Train(ml, o => (o.Epochs, o.LearningRate) = (30, 3e-3));
        string text = string.Concat(Enumerable.Repeat(TinyText.Sentences[3], 5));
        IDataView data = ml.Data.LoadFromEnumerable([new TextRow { Text = text }]);
        foreach (int stride in (int[])[1, 5, 24])
            Assert.Equal(text.Length + 1, ml.Generative().EvaluateLanguageModel(model, data, stride: stride).Tokens);

        double direct = 0;
        int[] tokens = [model.Codec.Begin!.Value, .. model.Codec.EncodeDocument(text)];
        for (int i = 1; i < tokens.Length; i++)
        {
            double[] logits = LanguageModelNetworkTests.Logits(model.Network, tokens[Math.Max(0, i - 24)..i])[^1];
            direct += Math.Log(logits.Sum(Math.Exp)) - logits[tokens[i]];
        }

        Assert.Equal(direct / (tokens.Length - 1), ml.Generative().EvaluateLanguageModel(model, data, stride: 1).NegativeLogLikelihood, 4);
    }

    [Fact]
    public void Fine_tuning_learns_answers_and_their_end_and_nothing_of_the_prompts()
    {
        MLContext ml = new(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 10).Select(i => new Pair { Question = $"after {i}?", Answer = $"{(i + 1) % 10}" }));
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(TinyText.Options().With(o =>
        {
            var options = (LanguageModelOptions)o;
            (options.PromptColumnName, options.InputColumnName) = (nameof(Pair.Question), nameof(Pair.Answer));
            (options.Epochs, options.LearningRate, options.BatchSize) = (300, 5e-3, 10);
            options.Generation.Temperature = 0;
        })).Fit(data);

        string[] answers = [.. model.Transform(data).GetColumn<string>("Completion")];
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{(i + 1) % 10}"), answers);
    }

    [DataFileFact("llama-tokenizer/tokenizer.model")]
    public void An_answer_is_encoded_as_what_follows_its_prompt()
    {
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFile(DataFile.Find("llama-tokenizer/tokenizer.model")!));
        // After "mea" and a space, other tokens would stand in the prompt: those stay, and the answer continues behind them.
        foreach ((string prompt, string answer, string expected) in ((string, string, string)[])[
            ("The cat says:", " meow", " meow"), ("1+1=", "2", "2"), ("", "meow", "meow"), ("a\n", "b c", "b c"), ("mea", "ning", "ning"),
            ("says: ", "meow", "meow"), ("Capital of France: ", "Paris", "Paris"), ("Capital of France:", " Paris", " Paris")])
        {
            (int[] ids, int promptTokens) = codec.EncodeExample(prompt, answer);
            int[] before = ids[..promptTokens], after = ids[promptTokens..];
            Assert.Equal(codec.EncodePrompt(prompt), before);
            Assert.Equal(codec.End, after[^1]);
            IncrementalDecoder decoder = codec.NewDecoder(before);
            string written = string.Concat(after[..^1].Select(decoder.Append)) + decoder.Flush();
            Assert.Equal(expected, written);
        }
    }

    [Fact]
    public void Only_targets_after_the_prompt_count()
    {
        var corpus = new TokenCorpus(20, long.MaxValue);
        corpus.AddExample([1, 2, 3, 4, 5], prompt: 3);
        corpus.AddExample([6, 7, 8], prompt: 1);
        using var scope = TorchSharp.torch.NewDisposeScope();
        TensorBatch batch = TokenBatches.Make(corpus, [corpus.Examples[0], corpus.Examples[1]], TorchSharp.torch.CPU);
        Assert.Equal((2, 4), (batch.Rows, batch.Weight));
        Assert.Equal([1, 2, 3, 4, 6, 7, 0, 0], batch[0].data<long>().ToArray());
        Assert.Equal([-100, -100, 4, 5, 7, 8, -100, -100], batch[1].data<long>().ToArray());
    }

    [Theory]
    [InlineData(9, 4)]
    [InlineData(10, 3)]
    [InlineData(3, 8)]
    [InlineData(2, 1)]
    public void Scoring_windows_have_each_target_once_and_training_windows_nearly_all(int tokens, int context)
    {
        var windows = new TokenWindows(new TokenRange(0, tokens), context, seed: 5);
        long[] targets = [.. Enumerable.Range(0, (int)windows.Count).SelectMany(i =>
        {
            TokenSpan span = windows.Get(i, null);
            return Enumerable.Range(span.Ignored, span.Length - span.Ignored).Select(t => span.Start + t + 1);
        })];
        Assert.Equal(Enumerable.Range(1, tokens - 1).Select(t => (long)t), targets.Order());

        for (int epoch = 0; epoch < 5; epoch++)
        {
            for (int i = 0; i < windows.Count; i++)
            {
                TokenSpan span = windows.Get(i, epoch);
                Assert.InRange(span.Start, 0, tokens - 1 - span.Length);
                Assert.Equal((Math.Min(context, tokens - 1), 0), (span.Length, span.Ignored));
            }
        }
    }

    [Fact]
    public void A_model_can_go_on_being_trained()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer first = Train(ml, o => o.Epochs = 10);
        double before = ml.Generative().EvaluateLanguageModel(first, TinyText.Data(ml)).NegativeLogLikelihood;
        LanguageModelOptions options = TinyText.Options();
        options.Architecture = LanguageModelArchitecture.GptNano;
        (options.BaseModel, options.Epochs) = (first, 10);
        using LanguageModelTransformer second = ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));

        Assert.Equal(first.Architecture, second.Architecture);
        Assert.True(ml.Generative().EvaluateLanguageModel(second, TinyText.Data(ml)).NegativeLogLikelihood < before - 0.05);
        Assert.Equal(before, ml.Generative().EvaluateLanguageModel(first, TinyText.Data(ml)).NegativeLogLikelihood);
    }

    [Fact]
    public void Bits_of_precision_saved_do_not_hurt_the_loss()
    {
        MLContext ml = new(seed: 1);
        double Loss(ComputePrecision precision)
        {
            using LanguageModelTransformer model = Train(ml, o => (o.Epochs, o.LearningRate, o.Precision) = (30, 3e-3, precision));
            return ml.Generative().EvaluateLanguageModel(model, TinyText.Data(ml)).NegativeLogLikelihood;
        }

        Assert.Equal(Loss(ComputePrecision.Float32), Loss(ComputePrecision.BFloat16), 0.03);
    }

    [Fact]
    public void A_byte_pair_encoding_is_made_from_the_data_where_its_size_is_given()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer model = Train(ml, o => ((LanguageModelOptions)o).VocabularySize = 290);
        Assert.InRange(model.Architecture.VocabularySize, 270, 290);
        Assert.True(model.Tokenizer.CountTokens("the cat sees") < 12);
        Assert.NotNull(model.Generate("Grüße 🤗", new() { MaxTokens = 3 }));
    }

    [Fact]
    public void A_stream_outlives_the_disposal_of_its_model()
    {
        MLContext ml = new(seed: 1);
        LanguageModelTransformer model = Train(ml);
        // Some seeds end the text at once.
        TextGenerationOptions options = Enumerable.Range(0, 100).Select(seed => new TextGenerationOptions { Seed = seed, MaxTokens = 40 })
            .First(o => model.Generate("the", o).Length > 10);
        string expected = model.Generate("the", options);
        IEnumerable<string> unread = model.Stream("the", options);
        var text = new StringBuilder();
        foreach (string piece in model.Stream("the", options))
        {
            model.Dispose();
            text.Append(piece);
        }

        Assert.Equal(expected, text.ToString());
        Assert.Throws<ObjectDisposedException>(() => unread.First());
        Assert.Throws<ObjectDisposedException>(() => model.Stream("the", options));
        Assert.Throws<ObjectDisposedException>(() => model.Generate("the", options));
    }

    [Fact]
    public async Task Streamed_pieces_make_the_generated_text()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer model = Train(ml);
        var options = new TextGenerationOptions { Seed = 4, MaxTokens = 40 };
        string expected = model.Generate("the", options);
        Assert.Equal(expected, string.Concat(model.Stream("the", options)));
        Assert.Equal(expected, await model.GenerateAsync("the", options));
        var text = new StringBuilder();
        await foreach (string piece in model.StreamAsync("the", options))
            text.Append(piece);
        Assert.Equal(expected, text.ToString());
    }

    [Fact]
    public void A_training_shows_samples_in_the_log_and_they_do_not_change_it()
    {
        string[] Losses(string? prompt, out List<string> log)
        {
            List<string> messages = log = [], losses = [];
            MLContext ml = new(seed: 1);
            ml.Log += (_, e) => messages.Add(e.Message);
            using LanguageModelTransformer model = Train(ml, o =>
            {
                ((LanguageModelOptions)o).SamplePrompt = prompt;
                o.Progress = new Immediate(p => losses.Add(p.Loss.ToString("R", System.Globalization.CultureInfo.InvariantCulture)));
            });
            return [.. losses];
        }

        string[] with = Losses("a dog ", out List<string> log);
        Assert.Equal(2, log.Count(m => m.Contains("] a dog ")));
        Assert.Equal(Losses(null, out _), with);
    }

    [Fact]
    public void Early_stopping_can_watch_the_end_of_the_data()
    {
        MLContext ml = new(seed: 1);
        List<double?> losses = [];
        using LanguageModelTransformer model = Train(ml, o =>
        {
            ((LanguageModelOptions)o).ValidationFraction = 0.2;
            (o.EarlyStoppingPatience, o.Epochs, o.LearningRate) = (2, 400, 2e-2);
            o.Progress = new Immediate(p => losses.Add(p.ValidationLoss));
        });
        double[] validations = [.. losses.OfType<double>()];
        Assert.InRange(validations.Length, 4, 399);
        Assert.Equal(validations.Length - 3, Array.IndexOf(validations, validations.Min()));
    }

    [Fact]
    public void Contradicting_options_and_data_are_refused_by_name()
    {
        MLContext ml = new(seed: 1);
        foreach ((Action<LanguageModelOptions> change, string[] words) in ((Action<LanguageModelOptions>, string[])[])[
            (o => o.PromptColumnName = "Text", ["PromptColumnName"]),
            (o => (o.ValidationFraction, o.ValidationData) = (0.1, TinyText.Data(ml)), ["ValidationFraction", "ValidationData"]),
            (o => (o.VocabularySize, o.Tokenizer) = (300, GenerativeTokenizers.CharacterLevel(["abc"])), ["VocabularySize", "Tokenizer"]),
            (o => o.VocabularySize = 256, ["VocabularySize", "257"]),
            (o => o.Architecture = o.Architecture with { VocabularySize = 5 }, ["VocabularySize", "5"]),
            (o => o.Layers = 0, ["Layers"]),
            (o => o.Dropout = 1, ["Dropout"]),
            (o => o.PromptColumnName = "Question", ["'Question' is missing"]),
            (o => o.PromptColumnName = "Number", ["'Number'", "expected text"]),
            (o => o.Generation.TopP = 0, ["TopP"]),
            (o => (o.EarlyStoppingPatience, o.ValidationFraction) = (1, 0), ["EarlyStoppingPatience"])])
        {
            LanguageModelOptions options = TinyText.Options();
            change(options);
            ArgumentException error = Assert.ThrowsAny<ArgumentException>(() =>
                ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml)));
            Assert.All(words, word => Assert.Contains(word, error.Message));
        }
    }

    [Fact]
    public void A_character_that_was_not_learned_is_named_with_its_column_and_row()
    {
        MLContext ml = new(seed: 1);
        var error = Assert.Throws<InvalidDataException>(() =>
        {
            using var _ = Train(
                ml, o => o.ValidationData = ml.Data.LoadFromEnumerable([new TextRow { Text = "cat" }, new TextRow { Text = "Zebra" }]));
        });
        Assert.Contains("'Text', row 1", error.Message);
    }

    private static LanguageModelTransformer Train(MLContext ml, Action<TrainingOptions>? change = null, int layers = 1)
    {
        LanguageModelOptions options = TinyText.Options();
        options.Layers = layers;
        change?.Invoke(options);
        return ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
    }

    private sealed class Pair
    {
        public string Question { get; set; } = "";

        public string Answer { get; set; } = "";
    }

    private sealed class Immediate(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
