using System.Text.Json.Nodes;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Expected values: a program in NumPy, in doubles, written from the formulas of transformers' models.</summary>
public sealed class PretrainedClassifierTests
{
    private const string Long = "a b c i h e e a d";

    private static readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string, float[], float[]> Classifiers => new()
    {
        { "bert", [0.399992041f, 0.15068545f, 0.449322509f], [0.399830117f, 0.150641427f, 0.449528456f] },
        { "roberta", [0.437305938f, 0.358740969f, 0.203953093f], [0.442587509f, 0.352039928f, 0.205372563f] },
        { "distilbert", [0.31028899f, 0.321174977f, 0.368536032f], [0.306550351f, 0.315357259f, 0.37809239f] },
    };

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void A_classifier_has_the_probabilities_and_labels_of_its_folder(string kind, float[] ofLong, float[] ofShort)
    {
        using FormulaFolder folder = FormulaFolder.Classifier(kind);
        using TextClassificationTransformer model = _ml.Generative().LoadPretrainedTextClassification(folder.Path);
        Assert.Equal(["bad", "so-so", "good"], model.ClassNames);
        IDataView scored = model.Transform(Texts(Long, "a b"));
        float[][] scores = [.. scored.GetColumn<float[]>("Score")];
        Close(ofLong, scores[0]);
        Close(ofShort, scores[1]);
        IDataView named = _ml.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(scored).Transform(scored);
        string label = model.ClassNames[Array.IndexOf(ofLong, ofLong.Max())];
        Assert.Equal(label, named.GetColumn<string>("PredictedLabel").First());

        using var again = new TemporaryFolder();
        model.SavePretrained(again.Path);
        using TextClassificationTransformer loaded = _ml.Generative().LoadPretrainedTextClassification(again.Path);
        Assert.Equal(model.ClassNames, loaded.ClassNames);
        Assert.Equal(scores, loaded.Transform(Texts(Long, "a b")).GetColumn<float[]>("Score"));
    }

    [Theory]
    [InlineData("cls", new[] { 0.205300332f, 0.487383575f, 0.307316093f })]
    [InlineData("mean", new[] { 0.304010421f, 0.368951707f, 0.327037872f })]
    public void A_classifier_of_ModernBert_pools_as_its_folder_says(string pooling, float[] expected)
    {
        using FormulaFolder folder = FormulaFolder.ModernBert("classes", pooling);
        using TextClassificationTransformer model = _ml.Generative().LoadPretrainedTextClassification(folder.Path);
        float[] scores = model.Transform(Texts("a b", Long)).GetColumn<float[]>("Score").Last();
        Close(expected, scores);
        using var again = new TemporaryFolder();
        model.SavePretrained(again.Path);
        using TextClassificationTransformer loaded = _ml.Generative().LoadPretrainedTextClassification(again.Path);
        Close(scores, loaded.Transform(Texts(Long)).GetColumn<float[]>("Score").First());

        // A training that begins with it has its head.
        IDataView data = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 6).Select(i => new { Text = "a b c", Label = (uint)(i % 3) }));
        using TextClassificationTransformer tuned = _ml.Transforms.Generative().TextClassification(new TextClassificationOptions
        {
            Sentence1ColumnName = "Text",
            BaseModel = model,
            LearningRate = 1e-12,
            MaxSteps = 1,
        }).Fit(data);
        Close(scores, tuned.Transform(_ml.Data.LoadFromEnumerable([new { Text = Long }])).GetColumn<float[]>("Score").First());
    }

    [Fact]
    public void ModernBert_has_the_vectors_of_the_reference()
    {
        using FormulaFolder folder = FormulaFolder.ModernBert("none");
        using SentenceEmbeddingTransformer model = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        Assert.Equal((64, EmbeddingPooling.Mean, false), (model.MaxTokens, model.Pooling, model.IsNormalized));
        float[][] vectors = model.Embed(["a b", Long]);
        Close([0.407940863f, -0.866811007f, 0.716333184f, 0.690289862f, -0.567824866f, 0.030570859f], vectors[0][..6]);
        Close([0.0429092f, -1.296408386f, 0.215812901f, 0.202654457f, -0.789976692f, 0.886504889f], vectors[0][6..]);
        Close([0.255518159f, -0.605338888f, 0.365352779f, 0.487410239f, -0.300548108f, -0.158464927f], vectors[1][..6]);
        Close([-0.053771641f, -0.483346829f, 0.336843368f, 0.084638072f, -0.55045756f, 0.507945128f], vectors[1][6..]);

        // Blocks 1 and 2 attend to 2 neighbors on each side, blocks 0 and 3 to all.
        IReadOnlyList<float[,,]> attention = model.Attention(Long);
        Assert.Equal([true, false, false, true], attention.Select(layer => layer[0, 0, 3] > 0 && layer[1, 8, 5] > 0));
        Assert.All(attention, layer => Assert.True(layer[1, 5, 3] > 0));

        using var again = new TemporaryFolder();
        model.SavePretrained(again.Path);
        using SentenceEmbeddingTransformer loaded = _ml.Generative().LoadPretrainedEncoder(again.Path);
        Assert.Equal(model.Architecture, loaded.Architecture);
        Assert.Equal(vectors, loaded.Embed(["a b", Long]));
    }

    [Fact]
    public void ModernBert_predicts_the_masked_token_of_the_reference()
    {
        using FormulaFolder folder = FormulaFolder.ModernBert("lm");
        using MaskedLanguageModelTransformer model = _ml.Generative().LoadPretrainedMaskedLanguageModel(folder.Path);
        float[] expected =
        [
            0.057707155f, 0.042784873f, 0.056967888f, 0.079415425f, 0.081199903f, 0.111162356f, 0.113629468f, 0.073203987f, 0.066706959f,
            0.056385715f, 0.042521225f, 0.058826576f, 0.078293631f, 0.081194841f,
        ];
        IReadOnlyList<TokenPrediction> found = model.FillMask("a [MASK] c i h e e a d", top: 14);
        string[] tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f", "g", "h", "i"];
        Assert.Equal(["b", "a"], found.Take(2).Select(prediction => prediction.Text));
        foreach (TokenPrediction prediction in found)
            Assert.Equal(expected[Array.IndexOf(tokens, prediction.Text)], prediction.Probability, 1e-5f);
        using var again = new TemporaryFolder();
        model.SavePretrained(again.Path);
        using MaskedLanguageModelTransformer loaded = _ml.Generative().LoadPretrainedMaskedLanguageModel(again.Path);
        Assert.Equal(found, loaded.FillMask("a [MASK] c i h e e a d", top: 14));
    }

    [Fact]
    public void The_rotary_base_is_read_where_newer_versions_write_it()
    {
        using FormulaFolder folder = FormulaFolder.ModernBert("none");
        using SentenceEmbeddingTransformer old = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        folder.Config.Remove("global_rope_theta");
        folder.Config.Remove("local_rope_theta");
        folder.Config["rope_parameters"] = JsonNode.Parse(
            """
            {"full_attention": {"rope_type": "default", "rope_theta": 160000.0},
             "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}
            """);
        folder.WriteConfig();
        using SentenceEmbeddingTransformer model = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        Assert.Equal(old.Architecture with { LocalRotaryBase = 500 }, model.Architecture);
        Assert.NotEqual(old.Embed(Long), model.Embed(Long));
    }

    [Fact]
    public void What_a_folder_asks_for_in_vain_is_named()
    {
        using FormulaFolder folder = FormulaFolder.Classifier("bert");
        Refused("problem_type", "\"regression\"", "'problem_type' is 'regression'");
        Refused("problem_type", "\"multi_label_classification\"", "supported values: single_label_classification");
        Refused("id2label", """{"0": "all"}""", "1 label");
        Refused("id2label", """{"0": "x", "2": "y"}""", "none of the number 1");
        Refused("id2label", """{"0": "x", "1": "x"}""", "'x' more than once");
        Refused("id2label", """{"0": "x", "1": "y"}""", "classifier.weight");
        // The encoder is there all the same.
        using SentenceEmbeddingTransformer encoder = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        Assert.Equal(FormulaFolder.Width, encoder.EmbeddingSize);
        using FormulaFolder modern = FormulaFolder.ModernBert("lm");
        Assert.Contains("no head that classifies texts", Assert.Throws<InvalidDataException>(
            () => _ml.Generative().LoadPretrainedTextClassification(modern.Path)).Message);
        modern.Config["layer_types"] = new JsonArray("full_attention", "full_attention");
        modern.WriteConfig();
        Assert.Contains("'layer_types'", Assert.Throws<InvalidDataException>(
            () => _ml.Generative().LoadPretrainedEncoder(modern.Path)).Message);

        void Refused(string name, string value, string message)
        {
            JsonNode? before = folder.Config[name]?.DeepClone();
            folder.Config[name] = JsonNode.Parse(value);
            folder.WriteConfig();
            Assert.Contains(message, Assert.Throws<InvalidDataException>(
                () => _ml.Generative().LoadPretrainedTextClassification(folder.Path)).Message);
            folder.Config[name] = before;
            folder.WriteConfig();
        }
    }

    private static IDataView Texts(params string[] texts) =>
        _ml.Data.LoadFromEnumerable(texts.Select(text => new { Sentence1 = text }));

    private static void Close(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-5f);
    }
}
