using Microsoft.ML.Data;
using Microsoft.ML.Generative.Onnx.Models;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>ONNX Runtime computes what encoders of texts do, with padding behind shorter texts.</summary>
public sealed class OnnxEncoderTests : IDisposable
{
    private const double Tolerance = 1e-4;
    private const string MiniLm = "minilm/model.safetensors";

    private static readonly string[] _texts = ["the cat sees a fish", "a dog", "my hen eats the corn and the fish"];

    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    private static EncoderArchitecture Modern => TinyEncoders.Architecture with
    {
        Layers = 3,
        SegmentCount = 0,
        Positions = PositionEncoding.Rotary,
        FeedForward = FeedForwardKind.GeGlu,
        IsPreNorm = true,
        HasFirstNorm = false,
        HasBias = false,
        LocalAttention = 4,
        GlobalAttentionInterval = 2,
        LocalRotaryBase = 500,
    };

    public static TheoryData<string, EmbeddingPooling> Embeddings => new()
    {
        { "bert", EmbeddingPooling.Mean },
        { "bert", EmbeddingPooling.Max },
        { "bert", EmbeddingPooling.Pooler },
        { "modern", EmbeddingPooling.FirstToken },
        { "modern", EmbeddingPooling.Mean },
    };

    [Theory]
    [MemberData(nameof(Embeddings))]
    public void Vectors_of_sentences_are_the_same(string form, EmbeddingPooling pooling)
    {
        SentenceEmbeddingOptions options = new SentenceEmbeddingOptions { PairColumnName = "Pair", Pooling = pooling }.Tiny();
        (options.Architecture, options.MaxSteps) = (form == "bert" ? TinyEncoders.Architecture with { SegmentCount = 2 } : Modern, 2);
        options.Normalize = pooling != EmbeddingPooling.Max;
        using SentenceEmbeddingTransformer model = _ml.Transforms.Generative().SentenceEmbedding(options).Fit(TinyEncoders.Data(_ml));
        AssertVectors(model);
    }

    [DataFileFact(MiniLm)]
    public void Vectors_of_MiniLm_are_the_same()
    {
        using SentenceEmbeddingTransformer model =
            _ml.Generative().LoadPretrainedEncoder(System.IO.Path.GetDirectoryName(DataFile.Find(MiniLm))!);
        AssertVectors(model);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Scores_of_classes_are_the_same(bool isModern)
    {
        TextClassificationOptions options = new TextClassificationOptions { Sentence1ColumnName = "Text", LabelCount = 2 }.Tiny();
        (options.Architecture, options.MaxSteps) = (isModern ? Modern : TinyEncoders.Architecture, 2);
        using TextClassificationTransformer model = _ml.Transforms.Generative().TextClassification(options).Fit(TinyEncoders.Data(_ml));
        AssertScores(model, "Text");
    }

    [Fact]
    public void Scores_of_DistilBert_are_the_same()
    {
        using FormulaFolder folder = FormulaFolder.Classifier("distilbert");
        using TextClassificationTransformer model = _ml.Generative().LoadPretrainedTextClassification(folder.Path);
        AssertScores(model, "Sentence1");
        using var session = new InferenceSession(Model);
        Assert.Equal("""["bad","so-so","good"]""", session.ModelMetadata.CustomMetadataMap[OnnxClasses.NamesKey]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Logits_of_masked_tokens_are_the_same(bool isModern)
    {
        MaskedLanguageModelOptions options = new MaskedLanguageModelOptions { MaskProbability = 0.4 }.Tiny();
        (options.Architecture, options.MaxSteps) = (isModern ? Modern : TinyEncoders.Architecture with { FirstPosition = 2 }, 2);
        using MaskedLanguageModelTransformer model = _ml.Transforms.Generative().MaskedLanguageModel(options).Fit(TinyEncoders.Data(_ml));
        model.ExportOnnx(_folder.Path);
        EncoderInput input = Pad(model);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor expected = model.Head.Logits(model.Networks.Model.Encoder.Hidden(input), model.Networks.Model.Encoder.Tokens);
        (float[] values, long[] shape) = Run(model, input)[EncoderGraph.LogitsName];
        Tensor isToken = input.IsToken!.unsqueeze(2).to(ScalarType.Float32);
        Assert.InRange(((tensor(values, shape) - expected) * isToken).abs().max().ToDouble(), 0, Tolerance);
        Assert.True(expected.std().ToDouble() > 1e-3);
    }

    [Fact]
    public void An_adapter_that_is_not_merged_is_refused_and_the_tokenizer_is_beside_the_network()
    {
        SentenceEmbeddingOptions options = new SentenceEmbeddingOptions { PairColumnName = "Pair" }.Tiny();
        options.MaxSteps = 1;
        using SentenceEmbeddingTransformer model = _ml.Transforms.Generative().SentenceEmbedding(options).Fit(TinyEncoders.Data(_ml));
        model.ExportOnnx(_folder.Path);
        Assert.Equal(
            model.Tokenizer.EncodeToIds(_texts[0]),
            GenerativeTokenizers.FromFile(_folder.File("tokenizer.json")).EncodeToIds(_texts[0]));

        (options.BaseModel, options.Adapter, options.Tokenizer) = (model, new LoraOptions { Rank = 2 }, null);
        using SentenceEmbeddingTransformer adapted = _ml.Transforms.Generative().SentenceEmbedding(options).Fit(TinyEncoders.Data(_ml));
        string other = _folder.File("other");
        Assert.Contains("has an adapter", Assert.Throws<NotSupportedException>(() => adapted.ExportOnnx(other)).Message);
        Assert.False(Directory.Exists(other));
    }

    public void Dispose() => _folder.Dispose();

    private string Model => _folder.File(TextModelFolder.ModelName);

    private void AssertVectors(SentenceEmbeddingTransformer model)
    {
        model.ExportOnnx(_folder.Path);
        float[] expected = [.. model.Embed(_texts).SelectMany(vector => vector)];
        (float[] Values, long[] Shape) found = Run(model, Pad(model))[EncoderGraph.EmbeddingName];
        Assert.InRange(OnnxRun.Difference(found, tensor(expected, [_texts.Length, model.EmbeddingSize])), 0, Tolerance);
    }

    private void AssertScores(TextClassificationTransformer model, string column)
    {
        model.ExportOnnx(_folder.Path);
        IDataView texts = column == "Text"
            ? _ml.Data.LoadFromEnumerable(_texts.Select(text => new { Text = text }))
            : _ml.Data.LoadFromEnumerable(_texts.Select(text => new { Sentence1 = text }));
        float[] expected = [.. model.Transform(texts).GetColumn<float[]>("Score").SelectMany(scores => scores)];
        (float[] values, long[] shape) = Run(model, Pad(model))[EncoderGraph.LogitsName];
        float[] found = TensorMemory.ToArray<float>(tensor(values, shape).softmax(1));
        Assert.InRange(OnnxRun.Difference((found, shape), tensor(expected, [_texts.Length, model.ClassCount])), 0, Tolerance);
    }

    private static EncoderInput Pad(EncoderTransformer model) => EncoderRows.Pad([.. _texts.Select(model.Codec.Encode)], CPU);

    private Dictionary<string, (float[] Values, long[] Shape)> Run(EncoderTransformer model, EncoderInput input)
    {
        (string, Tensor)[] segments =
            model.Architecture.SegmentCount > 1 ? [(EncoderGraph.SegmentsName, zeros_like(input.Tokens))] : [];
        return OnnxRun.Of(
            Model,
            [
                (EncoderGraph.TokensName, input.Tokens),
                (EncoderGraph.MaskName, (input.IsToken ?? ones_like(input.Tokens)).to(ScalarType.Int64)), .. segments,
            ]);
    }
}
