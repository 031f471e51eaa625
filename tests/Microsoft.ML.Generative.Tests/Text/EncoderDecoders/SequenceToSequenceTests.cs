using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SequenceToSequenceTests : IClassFixture<ReversingModel>, IDisposable
{
    private readonly SequenceToSequenceTransformer _model;
    private readonly TemporaryFolder _folder = new();

    public SequenceToSequenceTests(ReversingModel model) => _model = model.Model;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("abca", "acba")]
    [InlineData("dd", "dd")]
    [InlineData("b", "b")]
    [InlineData("cdabd", "dbadc")]
    public void A_small_model_learns_to_reverse_words(string source, string target)
    {
        Assert.Equal(target, _model.Generate(source));
        Assert.Equal(target, string.Concat(_model.Stream(source)));
        Assert.Equal(target, _model.Generate(source, new TextGenerationOptions { Beams = 3, MaxTokens = 8 }));
    }

    [Fact]
    public void Sources_have_the_same_outputs_together_as_alone()
    {
        string[] sources = ["abca", "d", "cdabd", "bb", "aabb", "dcba", "cab", "abcda"];
        var options = new TextGenerationOptions { MaxTokens = 8, Seed = 3, Temperature = 2 };

        Assert.Equal(sources.Select(source => _model.Generate(source, options)), _model.Generate(sources, options));
        Assert.Equal(sources.Select(source => _model.Generate(source)), _model.Generate(sources));
    }

    [Fact]
    public void Greedy_decoding_chooses_the_most_probable_tokens_of_the_network()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        int[] source = _model.Codec.EncodeDocument("cdabd");
        List<int> expected = [_model.StartTokenId];
        while (expected.Count < 9 && !_model.Codec.IsEnd(expected[^1]))
        {
            torch.Tensor logits = _model.Network.Logits(Row(source), null, Row([.. expected]));
            expected.Add((int)logits[0, expected.Count - 1].narrow(0, 0, _model.Codec.VocabularySize).argmax().item<long>());
        }

        Assert.Equal(_model.Codec.Tokenizer.Decode(expected.Skip(1).SkipLast(1)), _model.Generate("cdabd"));

        static torch.Tensor Row(int[] tokens) => torch.tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length]);
    }

    [Fact]
    public void A_prediction_engine_writes_the_text_of_a_row()
    {
        var ml = new MLContext(seed: 1);
        string path = Path.Combine(_folder.Path, "model.zip");
        ml.Model.Save(_model, TinyPairs.Data(ml).Schema, path);
        ITransformer loaded = ml.Model.Load(path, out _);
        using PredictionEngine<PairRow, Reversed> engine = ml.Model.CreatePredictionEngine<PairRow, Reversed>(loaded);

        Assert.Equal("dbadc", engine.Predict(new PairRow { Text = "cdabd" }).Output);
    }

    [Fact]
    public void A_saved_folder_has_transformers_keys_and_is_read_back_as_the_same_model()
    {
        _model.SavePretrained(_folder.Path);
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.Path, "config.json")))!;
        Assert.Equal("t5", (string?)config["model_type"]);
        Assert.Equal("gated-gelu", (string?)config["feed_forward_proj"]);
        Assert.Equal(_model.StartTokenId, (int?)config["decoder_start_token_id"]);

        using SequenceToSequenceTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedSequenceToSequence(_folder.Path);

        Assert.Equal(_model.Architecture.CountParameters(), loaded.Architecture.CountParameters());
        foreach (((string name, torch.Tensor own), (string _, torch.Tensor other)) in
            ModuleWeights.Of(_model.Network).Zip(ModuleWeights.Of(loaded.Network)))
            Assert.True(own.Equals(other), name);
        Assert.Equal("dbadc", loaded.Generate("cdabd"));
    }

    [Fact]
    public void A_training_continues_from_a_base_model()
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = TinyPairs.Options();
        options.Architecture = _model.Architecture;
        options.BaseModel = _model;
        options.LearningRate = 1e-6;
        options.Prefix = "a";

        using SequenceToSequenceTransformer tuned = ml.Transforms.Generative().SequenceToSequence(options).Fit(TinyPairs.Data(ml));

        // The prefix is a part of what is reversed.
        Assert.Equal("dcba", tuned.Generate("bcd"));
    }

    [Fact]
    public void Span_corruption_learns_from_texts_alone()
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = TinyPairs.Options();
        options.SpanCorruption = new SpanCorruptionOptions { Density = 0.2, MeanSpanLength = 2 };
        options.MaxSourceTokens = 12;
        options.MaxSteps = 40;
        options.LearningRate = 0.02;
        List<double> losses = [];
        options.Progress = new Reports(losses);
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Repeat(new OneText { Text = "abcdefgh" }, 40));

        using SequenceToSequenceTransformer model = ml.Transforms.Generative().SequenceToSequence(options).Fit(data);

        // 9 characters with the end, one that begins outputs, and 100 sentinels.
        Assert.Equal(110, model.Architecture.VocabularySize);
        Assert.True(losses[^1] < 0.6 * losses[0], $"{losses[0]} → {losses[^1]}");
    }

    [Fact]
    public void A_training_multiplies_in_BFloat16_where_it_is_asked_to()
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = TinyPairs.Options();
        options.Precision = ComputePrecision.BFloat16;
        options.Dropout = 0.1;
        options.MaxSteps = 20;
        options.LearningRate = 0.02;
        List<double> losses = [];
        options.Progress = new Reports(losses);

        using SequenceToSequenceTransformer model = ml.Transforms.Generative().SequenceToSequence(options).Fit(TinyPairs.Data(ml));

        Assert.True(losses[^1] < 0.8 * losses[0], $"{losses[0]} → {losses[^1]}");
    }

    [Fact]
    public void More_spans_than_there_are_sentinels_are_an_error_before_the_training()
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = TinyPairs.Options();
        options.SpanCorruption = new SpanCorruptionOptions { Density = 0.4, MeanSpanLength = 1 };
        options.MaxSourceTokens = 400;

        Assert.Contains(
            "MaxSourceTokens 400",
            Assert.Throws<ArgumentException>(() => ml.Transforms.Generative().SequenceToSequence(options).Fit(TinyPairs.Data(ml))).Message);
    }

    [Fact]
    public void Batches_shift_targets_behind_the_start_and_have_no_labels_in_the_padding()
    {
        using DisposeScope scope = torch.NewDisposeScope();

        Data.Batches.TensorBatch batch = SequenceBatch.Make([[5, 6, 1], [7, 1]], [[8, 1], [9, 8, 1]], start: 0, torch.CPU);

        Assert.Equal([5, 6, 1, 7, 1, 0], TensorMemory.ToArray<long>(batch[0]));
        Assert.Equal([3, 2], TensorMemory.ToArray<long>(batch[1]));
        Assert.Equal([0, 8, 0, 0, 9, 8], TensorMemory.ToArray<long>(batch[2]));
        Assert.Equal([8, 1, -100, 9, 8, 1], TensorMemory.ToArray<long>(batch[3]));
        Assert.Equal(5, batch.Weight);
    }

    [Fact]
    public void A_source_that_is_too_long_is_an_error_that_names_column_and_row()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable([new PairRow { Text = "ab" }, new PairRow { Text = new string('a', 600) }]);

        string message = Assert.ThrowsAny<Exception>(() => _model.Transform(data).GetColumn<string>("Output").ToArray()).ToString();

        Assert.Contains("Column 'Text', row 1", message);
        Assert.Contains("601 tokens; expected 1 to 512", message);
    }

    [Fact]
    public void Options_that_models_with_an_encoder_do_not_support_are_named()
    {
        Assert.Contains("Speculation is set", Assert.Throws<ArgumentException>(
            () => _model.Generate("a", new TextGenerationOptions { Speculation = SpeculativeDecoding.PromptLookup() })).Message);
        Assert.Contains("MaxTokens is 100000", Assert.ThrowsAny<ArgumentException>(
            () => _model.Generate("a", new TextGenerationOptions { MaxTokens = 100_000 })).Message);
    }

    // T5's own tokenizer: no token begins a text, </s> ends it, padding begins outputs, and 100 sentinels follow.
    [DataFileFact("t5-spiece/spiece.model")]
    public void T5s_tokenizer_has_the_ids_of_the_paper()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.FromFile(DataFile.Find("t5-spiece/spiece.model")!);
        TextCodec codec = TextCodec.Of(tokenizer);
        SequenceTokens tokens = SequenceTokens.Of(codec);

        Assert.Equal(1, codec.End);
        Assert.Equal(0, tokens.Start);
        Assert.Equal(32_099, tokens.Sentinel(0));
        Assert.Equal(32_000, tokens.Sentinel(99));
        Assert.Equal(32_100, tokens.VocabularySize);
        // "Hello world" of the tests of transformers and torchtune.
        Assert.Equal([8774, 296, 55, 1], codec.EncodeDocument("Hello world!"));
    }

    private sealed class Reversed
    {
        public string Output { get; set; } = "";
    }

    private sealed class OneText
    {
        public string Text { get; set; } = "";
    }

    private sealed class Reports(List<double> losses) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => losses.Add(value.Loss);
    }
}

/// <summary>A model that reverses words.</summary>
public sealed class ReversingModel : IDisposable
{
    public ReversingModel()
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = TinyPairs.Options();
        options.Architecture = options.Architecture with { EmbeddingSize = 32, FeedForwardSize = 64, Layers = 2 };
        options.BatchSize = 32;
        options.MaxSteps = 500;
        options.LearningRate = 0.01;
        options.Generation = new TextGenerationOptions { MaxTokens = 8, Temperature = 0 };
        Model = ml.Transforms.Generative().SequenceToSequence(options).Fit(TinyPairs.Data(ml, 1500));
    }

    public SequenceToSequenceTransformer Model { get; }

    public void Dispose() => Model.Dispose();
}
