using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Encoders;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class PretrainedEncoderTests
{
    private const string MiniLm = "minilm/model.safetensors";

    private static readonly MLContext _ml = new(seed: 1);

    // One for all tests, which only read it.
    private static readonly Lazy<SentenceEmbeddingTransformer> _miniLm =
        new(() => _ml.Generative().LoadPretrainedEncoder(Path.GetDirectoryName(DataFile.Find(MiniLm))!));

    [DataFileFact(MiniLm, "minilm/expected.json")]
    public void MiniLm_has_the_ids_embeddings_and_cosines_of_the_reference()
    {
        SentenceEmbeddingTransformer encoder = _miniLm.Value;
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(DataFile.Find("minilm/expected.json")!));
        JsonElement[] sentences = [.. expected.RootElement.GetProperty("sentences").EnumerateArray()];
        string[] texts = [.. sentences.Select(s => s.GetProperty("text").GetString()!)];

        Assert.Equal(EncoderArchitecture.MiniLm with { FeedForwardSize = 1536 }, encoder.Architecture);
        Assert.Equal((256, EmbeddingPooling.Mean, true), (encoder.MaxTokens, encoder.Pooling, encoder.IsNormalized));
        Assert.Equal(384, encoder.EmbeddingSize);
        float[][] vectors = encoder.Embed(texts);
        for (int i = 0; i < texts.Length; i++)
        {
            EncodedText encoded = encoder.Codec.Encode(texts[i]);
            Assert.Equal(Numbers(sentences[i], "ids"), encoded.Ids.Select(id => (double)id));
            Close(Numbers(sentences[i], "embedding_first_8"), vectors[i][..8], 1e-3);
            Assert.Equal(sentences[i].GetProperty("embedding_sum").GetDouble(), vectors[i].Sum(v => (double)v), 0.02);
            Assert.Equal(1, TensorPrimitives.Norm(vectors[i]), 4);
        }

        double[][] cosines = [.. expected.RootElement.GetProperty("cosine").EnumerateArray()
            .Select(row => row.EnumerateArray().Select(v => v.GetDouble()).ToArray())];
        for (int i = 0; i < texts.Length; i++)
        {
            for (int j = 0; j < texts.Length; j++)
                Assert.Equal(cosines[i][j], TensorPrimitives.CosineSimilarity(vectors[i], vectors[j]), 1e-3);
        }
    }

    // Of transformers' own test of bert-base-uncased.
    [DataFileFact("bert-base-uncased/model.safetensors", "bert-base-uncased/config.json")]
    public void Bert_base_has_the_published_hidden_values()
    {
        using SentenceEmbeddingTransformer encoder = _ml.Generative().LoadPretrainedEncoder(
            Path.GetDirectoryName(DataFile.Find("bert-base-uncased/model.safetensors"))!);
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        long[] ids = [0, 345, 232, 328, 740, 140, 1695, 69, 6078, 1588, 2];
        torch.Tensor isToken = torch.ones([1, ids.Length], torch.@bool);
        isToken[0, 0] = torch.tensor(false);
        torch.Tensor hidden = encoder.Networks.Model.Encoder.Hidden(new EncoderInput(torch.tensor(ids, [1, ids.Length]), isToken));
        double[][] expected = [[0.4249, 0.1008, 0.7531], [0.3771, 0.1188, 0.7467], [0.4152, 0.1098, 0.7108]];
        for (int i = 0; i < 3; i++)
            Close(expected[i], TensorMemory.ToArray<float>(hidden[0, i + 1].narrow(0, 1, 3).contiguous()), 1e-4);
    }

    [DataFileFact(MiniLm)]
    public async Task Vectors_are_the_same_alone_in_batches_in_columns_and_of_the_generator()
    {
        SentenceEmbeddingTransformer encoder = _miniLm.Value;
        string[] texts = ["short", "a text of some more words than the first one has", "two words", new string('x', 3) + " and so on"];
        float[][] alone = [.. texts.Select(encoder.Embed)];
        float[][] together = encoder.Embed(texts);
        IDataView data = _ml.Data.LoadFromEnumerable(texts.Select(text => new TextRow { Text = text }));
        using TextEmbeddingTransformer transformer =
            _ml.Transforms.Generative().TextEmbedding("Vector", "Text", encoder).Fit(data);
        float[][] column = [.. transformer.Transform(data).GetColumn<float[]>("Vector")];
        using IEmbeddingGenerator<string, Embedding<float>> generator = encoder.AsEmbeddingGenerator();
        GeneratedEmbeddings<Embedding<float>> generated = await generator.GenerateAsync(texts);
        for (int i = 0; i < texts.Length; i++)
        {
            Close([.. alone[i].Select(v => (double)v)], together[i], 1e-5);
            Close([.. alone[i].Select(v => (double)v)], column[i], 1e-5);
            Close([.. alone[i].Select(v => (double)v)], generated[i].Vector.ToArray(), 1e-5);
        }
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("distilbert")]
    public void A_saved_folder_is_loaded_as_the_same_encoder(string type)
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with
        {
            SegmentCount = type == "distilbert" ? 0 : type == "bert" ? 2 : 1,
            FirstPosition = type == "roberta" ? 2 : 0,
        };
        var options = new SentenceEmbeddingOptions { PairColumnName = "Pair", Pooling = EmbeddingPooling.Max }.Tiny();
        (options.Architecture, options.MaxSteps, options.MaxTokens) = (architecture, 2, 9);
        using SentenceEmbeddingTransformer model = _ml.Transforms.Generative().SentenceEmbedding(options).Fit(TinyEncoders.Data(_ml));
        using var folder = new TemporaryFolder();
        model.SavePretrained(folder.Path);
        JsonNode config = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        Assert.Equal(type, config["model_type"]!.GetValue<string>());
        Assert.Equal(architecture.ContextLength + architecture.FirstPosition, config["max_position_embeddings"]!.GetValue<int>());

        using SentenceEmbeddingTransformer loaded = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        Assert.Equal((9, EmbeddingPooling.Max, true), (loaded.MaxTokens, loaded.Pooling, loaded.IsNormalized));
        Assert.Equal(type == "roberta" ? 2 : 1, loaded.Codec.Separators);
        Assert.Equal(model.Embed("the cat sees a fish"), loaded.Embed("the cat sees a fish"));
        Assert.Contains("has no head", Assert.Throws<InvalidDataException>(
            () => _ml.Generative().LoadPretrainedMaskedLanguageModel(folder.Path)).Message);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("distilbert")]
    public void A_saved_masked_language_model_is_loaded_with_its_head_and_as_an_encoder_without(string type)
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with
        {
            SegmentCount = type == "distilbert" ? 0 : 1,
            FirstPosition = type == "roberta" ? 2 : 0,
        };
        var options = new MaskedLanguageModelOptions { MaskProbability = 0.4 }.Tiny();
        (options.Architecture, options.MaxSteps) = (architecture, 2);
        using MaskedLanguageModelTransformer model = _ml.Transforms.Generative().MaskedLanguageModel(options).Fit(TinyEncoders.Data(_ml));
        using var folder = new TemporaryFolder();
        model.SavePretrained(folder.Path);
        using MaskedLanguageModelTransformer loaded = _ml.Generative().LoadPretrainedMaskedLanguageModel(folder.Path);
        Assert.Equal(model.FillMask("the [MASK] sees"), loaded.FillMask("the [MASK] sees"));
        using SentenceEmbeddingTransformer encoder = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        Assert.Equal((EmbeddingPooling.Mean, false), (encoder.Pooling, encoder.IsNormalized));
        Assert.Equal(16, encoder.Embed("the cat").Length);
    }

    [Fact]
    public void What_a_folder_asks_for_in_vain_is_named()
    {
        var options = new SentenceEmbeddingOptions { PairColumnName = "Pair" }.Tiny();
        options.MaxSteps = 1;
        using SentenceEmbeddingTransformer model = _ml.Transforms.Generative().SentenceEmbedding(options).Fit(TinyEncoders.Data(_ml));
        using var folder = new TemporaryFolder();
        model.SavePretrained(folder.Path);
        Refused(
            "config.json", "\"bert\"", "\"gpt2\"",
            "'model_type' is 'gpt2'; supported values: bert, roberta, xlm-roberta, distilbert, modernbert");
        Refused("config.json", "\"gelu\"", "\"mish\"", "'hidden_act' is 'mish'");
        Refused("config.json", "\"hidden_size\": 16", "\"hidden_size\": 18", "tensors");
        Refused("1_Pooling/config.json", "\"pooling_mode_max_tokens\": false", "\"pooling_mode_max_tokens\": true", "it pools by");
        Refused("modules.json", "models.Normalize", "models.Dense", "the module 'Dense'");
        Refused("sentence_bert_config.json", "24", "25", "max_seq_length of 25");
        Directory.Delete(folder.File("1_Pooling"), recursive: true);
        Assert.Contains("1_Pooling", Assert.Throws<FileNotFoundException>(
            () => _ml.Generative().LoadPretrainedEncoder(folder.Path)).Message);
        Assert.Throws<DirectoryNotFoundException>(() => _ml.Generative().LoadPretrainedEncoder(folder.File("none")));

        void Refused(string file, string text, string other, string message)
        {
            string path = folder.File(file), before = File.ReadAllText(path);
            Assert.Contains(text, before);
            File.WriteAllText(path, before.Replace(text, other, StringComparison.Ordinal));
            Assert.Contains(message, Assert.Throws<InvalidDataException>(
                () => _ml.Generative().LoadPretrainedEncoder(folder.Path)).Message);
            File.WriteAllText(path, before);
        }
    }

    private static double[] Numbers(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(v => v.GetDouble())];

    private static void Close(double[] expected, float[] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], tolerance);
    }
}
