using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class EncoderTrainingTests
{
    private static readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Ranking_is_the_cross_entropy_of_the_own_pair_and_scores_are_compared_by_their_squared_difference()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor first = torch.tensor(new float[] { 1, 0, 0, 1 }, [2, 2]);
        torch.Tensor others = torch.tensor(new float[] { 0.6f, 0.8f, 0, 1, 1, 0 }, [3, 2]);
        Losses ranking = SentenceEmbeddingObjective.Ranking(first, others, 2);
        double expected = (Loss(1.2, 1.2, 0, 2) + Loss(2, 1.6, 2, 0)) / 2;
        Assert.Equal(expected, ranking.Total.ToDouble(), 5);
        Assert.Equal(0.5, ranking.Terms[0].Value.ToDouble(), 5);

        torch.Tensor scores = torch.tensor(new float[] { 1, 0 });
        Assert.Equal(
            (0.4 * 0.4 + 1) / 2, SentenceEmbeddingObjective.Scores(first, others.narrow(0, 0, 2), scores).Total.ToDouble(), 5);

        static double Loss(double own, params double[] all) => Math.Log(all.Sum(Math.Exp)) - own;
    }

    [Fact]
    public void A_masked_language_model_fills_what_the_grammar_allows_and_its_column_too()
    {
        var options = new MaskedLanguageModelOptions { MaskProbability = 0.3, WholeWords = true }.Tiny();
        (options.Architecture, options.MaxSteps, options.LearningRate) = (TinyEncoders.Architecture with { EmbeddingSize = 32 }, 250, 0.01);
        IDataView data = TinyEncoders.Data(_ml);
        using MaskedLanguageModelTransformer model = _ml.Transforms.Generative().MaskedLanguageModel(options).Fit(data);

        IReadOnlyList<TokenPrediction> found = model.FillMask("the cat [MASK] a fish.", top: 3);
        Assert.Equal(["eats", "has", "sees"], found.Select(p => p.Text).Order());
        Assert.Equal(found.OrderByDescending(p => p.Probability), found);
        Assert.Contains($"the cat {found[0].Text} a fish.", found[0].Filled);
        Assert.Equal(2, model.FillMasks("the [MASK] sees [MASK].").Count);
        Assert.Equal("[MASK]", model.Mask);
        Assert.Contains("2 masks", Assert.Throws<ArgumentException>(() => model.FillMask("[MASK] [MASK]")).Message);
        Assert.Contains("no mask", Assert.Throws<ArgumentException>(() => model.FillMask("the cat")).Message);
        Assert.Contains("at most 22", Assert.Throws<ArgumentException>(
            () => model.FillMask("[MASK] " + string.Concat(Enumerable.Repeat("cat ", 30)))).Message);

        IDataView masked = _ml.Data.LoadFromEnumerable(
            [new TextRow { Text = "the cat [MASK] a fish." }, new TextRow { Text = "No mask, left as it is." }]);
        string[] filled = [.. model.Transform(masked).GetColumn<string>("Filled")];
        Assert.Equal([found[0].Filled, "No mask, left as it is."], filled);

        // Attention goes to both sides, and adds up to 1.
        float[,,] attention = model.Attention("the cat eats corn.")[0];
        Assert.Equal(1, Enumerable.Range(0, attention.GetLength(2)).Sum(to => attention[0, 0, to]), 4);
        Assert.Contains(Enumerable.Range(1, attention.GetLength(2) - 1), to => attention[0, 0, to] > 0.01);

        // Its encoder and tokenizer are the base of a classifier.
        var classification = new TextClassificationOptions
        {
            BaseModel = model,
            Sentence1ColumnName = "Text",
            LabelColumnName = "Key",
            MaxSteps = 1,
        };
        using TextClassificationTransformer classifier = _ml.Transforms.Generative().TextClassification(classification).Fit(Keyed(data));
        Assert.Same(model.Tokenizer, classifier.Tokenizer);
    }

    [Fact]
    public void An_embedding_brings_pairs_near_and_learns_from_texts_alone()
    {
        (string, string)[] pairs =
            [("the cat", "my hen"), ("a dog", "corn."), ("sees a fish.", "has the hat."), ("eats corn.", "a dog sees")];
        IDataView data = _ml.Data.LoadFromEnumerable(pairs.Select(p => new EncoderTestRow { Text = p.Item1, Pair = p.Item2 }));
        var options = new SentenceEmbeddingOptions { PairColumnName = "Pair" }.Tiny();
        (options.MaxSteps, options.LearningRate) = (100, 0.01);
        using SentenceEmbeddingTransformer model = _ml.Transforms.Generative().SentenceEmbedding(options).Fit(data);
        float[][] texts = model.Embed([.. pairs.Select(p => p.Item1)]), others = model.Embed([.. pairs.Select(p => p.Item2)]);
        for (int i = 0; i < pairs.Length; i++)
        {
            float[] cosines = [.. others.Select(other => texts[i].Zip(other, (a, b) => a * b).Sum())];
            Assert.Equal(i, Array.IndexOf(cosines, cosines.Max()));
        }

        // SimCSE needs dropout, by which a text and its copy differ.
        var alone = new SentenceEmbeddingOptions().Tiny();
        Assert.Contains("Dropout is 0", Assert.Throws<ArgumentException>(
            () => _ml.Transforms.Generative().SentenceEmbedding(alone)).Message);
        (alone.Dropout, alone.MaxSteps) = (0.2, 2);
        using SentenceEmbeddingTransformer other = _ml.Transforms.Generative().SentenceEmbedding(alone).Fit(data);
        Assert.Equal(16, other.Embed("the cat").Length);
    }

    [Fact]
    public void A_classifier_is_evaluated_by_MlNet_and_reads_two_texts()
    {
        IDataView data = Keyed(TinyEncoders.Data(_ml));
        var options = new TextClassificationOptions
        {
            Sentence1ColumnName = "Text",
            Sentence2ColumnName = "Pair",
            LabelColumnName = "Key",
        }.Tiny();
        (options.Architecture, options.MaxSteps, options.LearningRate) = (TinyEncoders.Architecture with { SegmentCount = 2 }, 60, 0.02);
        (options.BatchSize, options.MaxTokens) = (9, 20);
        using TextClassificationTransformer model = _ml.Transforms.Generative().TextClassification(options).Fit(data);
        IDataView scored = model.Transform(data);
        Assert.True(_ml.MulticlassClassification.Evaluate(scored, "Key").MicroAccuracy > 0.9);
        float[][] scores = [.. scored.GetColumn<float[]>("Score")];
        Assert.All(scores, score => Assert.Equal(1, score.Sum(), 4));
        Assert.Equal(
            scores.Select(score => (uint)(score[0] > score[1] ? 1 : 2)), scored.GetColumn<uint>("PredictedLabel"));
    }

    [Fact]
    public void Two_texts_are_one_sequence_with_the_tokens_between_them_and_the_longer_one_is_cut()
    {
        var codec = new EncoderCodec(TinyEncoders.Tokenizer, 9);
        (int begin, int end) = (TinyEncoders.Tokenizer.IdOf("[CLS]")!.Value, TinyEncoders.Tokenizer.IdOf("[SEP]")!.Value);
        int[] cat = [.. TinyEncoders.Tokenizer.EncodeFragment("cat")], the = [.. TinyEncoders.Tokenizer.EncodeFragment("the")];
        Assert.Single(the);
        EncodedText pair = codec.Encode("the", "the the");
        Assert.Equal([begin, .. the, end, .. the, .. the, end], pair.Ids);
        Assert.Equal(3, pair.First);
        Assert.Equal([begin, .. the, end, .. Enumerable.Repeat(the[0], 5), end], codec.Encode("the", "the the the the the the the").Ids);
        Assert.Equal(9, codec.Encode("the the the the the the", "the the the the the").Ids.Length);
        EncodedText roberta = new EncoderCodec(TinyEncoders.Tokenizer, 9, Separators: 2).Encode("the", "the");
        Assert.Equal([begin, .. the, end, end, .. the, end], roberta.Ids);
        EncodedText one = codec.Encode("the cat the cat the cat the cat");
        Assert.Equal((9, begin, end), (one.Ids.Length, one.Ids[0], one.Ids[^1]));
        // What reads like a special token is text.
        Assert.DoesNotContain(end, codec.Encode("[SEP] cat").Ids[1..^1]);
        Assert.NotEmpty(cat);
    }

    [Fact]
    public void Frozen_layers_and_adapters_leave_the_base_as_it_is()
    {
        IDataView data = Keyed(TinyEncoders.Data(_ml));
        var pretraining = new MaskedLanguageModelOptions { MaskProbability = 0.3 }.Tiny();
        (pretraining.Architecture, pretraining.MaxSteps) = (TinyEncoders.Architecture with { Layers = 2 }, 3);
        using MaskedLanguageModelTransformer model = _ml.Transforms.Generative().MaskedLanguageModel(pretraining).Fit(data);
        Dictionary<string, float[]> before = Weights(model);

        var options = new TextClassificationOptions
        {
            BaseModel = model,
            Sentence1ColumnName = "Text",
            LabelColumnName = "Key",
            FrozenLayers = 1,
            MaxSteps = 3,
            LearningRate = 0.01,
        };
        using (TextClassificationTransformer frozen = _ml.Transforms.Generative().TextClassification(options).Fit(data))
        {
            foreach ((string name, float[] values) in Weights(frozen))
            {
                if (name.StartsWith("blocks.1.", StringComparison.Ordinal))
                    Assert.NotEqual(before[name], values);
                else
                    Assert.Equal(before[name], values);
            }
        }

        (options.FrozenLayers, options.Adapter) = (null, new LoraOptions { Rank = 2 });
        using TextClassificationTransformer adapted = _ml.Transforms.Generative().TextClassification(options).Fit(data);
        Assert.Equal(before, Weights(adapted));
        Assert.Equal("default", adapted.ActiveAdapter);
        using var file = new MemoryStream();
        _ml.Model.Save(adapted, data.Schema, file);
        using var loaded = (TextClassificationTransformer)_ml.Model.Load(file, out _);
        float[][] scores = [.. adapted.Transform(data).GetColumn<float[]>("Score")];
        Assert.Equal(scores, loaded.Transform(data).GetColumn<float[]>("Score"));

        // Merged into a folder, it scores the same.
        var embedding = new SentenceEmbeddingOptions { BaseModel = adapted, PairColumnName = "Pair", MaxSteps = 2 };
        using SentenceEmbeddingTransformer further = _ml.Transforms.Generative().SentenceEmbedding(embedding).Fit(data);
        Assert.Equal("default", further.ActiveAdapter);
        using var folder = new TemporaryFolder();
        further.SavePretrained(folder.Path);
        using SentenceEmbeddingTransformer merged = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        Assert.Null(merged.ActiveAdapter);
        foreach ((float a, float b) in further.Embed("the cat").Zip(merged.Embed("the cat")))
            Assert.Equal(a, b, 1e-4);
    }

    [Fact]
    public void Wrong_options_are_named()
    {
        var options = new TextClassificationOptions().Tiny();
        options.FrozenLayers = 1;
        Assert.Contains("FrozenLayers is 1, but there is no BaseModel", Message());
        (options.FrozenLayers, options.Adapter) = (null, new LoraOptions());
        Assert.Contains("there is no BaseModel", Message());
        (options.Adapter, options.MaxTokens) = (null, 25);
        Assert.Contains("MaxTokens is 25; the network takes 24", Message());
        (options.MaxTokens, options.VocabularySize) = (null, 50);
        Assert.Contains("VocabularySize is 50", Message());
        (options.VocabularySize, options.Architecture) = (null, TinyEncoders.Architecture with { Heads = 3 });
        Assert.Contains("not a multiple of Heads, 3", Message());

        var embedding = new SentenceEmbeddingOptions { ScoreColumnName = "Similarity" }.Tiny();
        Assert.Contains("ScoreColumnName is 'Similarity', but there is no PairColumnName", Assert.Throws<ArgumentException>(
            () => _ml.Transforms.Generative().SentenceEmbedding(embedding)).Message);
        (embedding.PairColumnName, embedding.ScoreColumnName) = ("Text", null);
        Assert.Contains("'Text' twice", Assert.Throws<ArgumentException>(
            () => _ml.Transforms.Generative().SentenceEmbedding(embedding)).Message);
        (embedding.PairColumnName, embedding.BatchSize) = ("Pair", 1);
        Assert.StartsWith("BatchSize is 1; expected 2 or more", Assert.Throws<ArgumentException>(
            () => _ml.Transforms.Generative().SentenceEmbedding(embedding)).Message);
        embedding.BatchSize = 2;
        Assert.StartsWith("The data has 1 row; expected 2 or more", Assert.Throws<ArgumentException>(
            () => _ml.Transforms.Generative().SentenceEmbedding(embedding).Fit(
                _ml.Data.LoadFromEnumerable([new { Text = "the cat", Pair = "the dog" }]))).Message);

        string Message() => Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().TextClassification(options)).Message;
    }

    private static Dictionary<string, float[]> Weights(EncoderTransformer model) =>
        ModuleWeights.Of(model.Networks.Encoder.Base).ToDictionary(w => w.Name, w => TensorMemory.ToArray<float>(w.Tensor));

    private static IDataView Keyed(IDataView data) =>
        _ml.Transforms.Conversion.MapValueToKey("Key", "Label").Fit(data).Transform(data);
}
