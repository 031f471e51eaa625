using Microsoft.Extensions.AI;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Embeddings as a column.</summary>
public sealed class TextEmbeddingTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly LanguageModelTransformer _model;

    public TextEmbeddingTests() => _model = _ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
    {
        Architecture = LanguageModelArchitecture.LlamaNano with
        {
            Layers = 2,
            Heads = 2,
            EmbeddingSize = 16,
            FeedForwardSize = 32,
            ContextLength = 16,
        },
        TransformBatchSize = 3,
        MaxSteps = 1,
        Seed = 1,
    }).Fit(Texts("the cat eats a fish"));

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task A_column_has_the_vectors_of_the_embedding_generator_whatever_stands_beside()
    {
        string[] texts = ["cat", "the cat eats", "a", "fish a fish a", "the", "eats"];
        using TextEmbeddingTransformer embedding = _ml.Transforms.Generative().TextEmbedding("Embedding", "Text", _model).Fit(Texts(texts));
        float[][] vectors = [.. embedding.Transform(Texts(texts)).GetColumn<float[]>("Embedding")];
        using IEmbeddingGenerator<string, Embedding<float>> generator = _model.AsEmbeddingGenerator();
        GeneratedEmbeddings<Embedding<float>> expected = await generator.GenerateAsync(texts);
        for (int i = 0; i < texts.Length; i++)
            Close(expected[i].Vector.Span, vectors[i]);

        // A mean of hidden states, from the network itself.
        using (TorchSharp.torch.no_grad())
        using (TorchSharp.torch.NewDisposeScope())
        {
            TorchSharp.torch.Tensor hidden = _model.Network.Hidden(
                TorchSharp.torch.tensor([.. _model.Codec.EncodeWhole("the cat eats").Select(id => (long)id)]).unsqueeze(0));
            Close(hidden.mean([1]).data<float>().ToArray(), vectors[1]);
        }

        Assert.Equal(16, embedding.EmbeddingSize);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 16), embedding.GetOutputSchema(Texts("a").Schema)["Embedding"].Type);
        Assert.Equal(_model.Summary().Split('\n')[1..], embedding.Summary().Split('\n')[1..]);
    }

    [Fact]
    public void It_is_saved_with_the_model_inside_and_outlives_it()
    {
        IDataView rows = Texts("the cat", "a fish");
        var pipeline = _ml.Transforms.Generative().TextEmbedding("Embedding", "Text", _model)
            .Append(_ml.Transforms.CopyColumns("Copy", "Embedding")).Fit(rows);
        float[][] expected = [.. pipeline.Transform(rows).GetColumn<float[]>("Copy")];
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".zip");
        try
        {
            _ml.Model.Save(pipeline, rows.Schema, path);
            _model.Dispose();
            Assert.Equal(expected, pipeline.Transform(rows).GetColumn<float[]>("Copy"));
            MLContext other = new();
            foreach (ITransformer loaded in (ITransformer[])[other.Model.Load(path, out _), other.Generative().LoadModel(path, out _)])
            {
                using var owned = (IDisposable)loaded;
                Assert.Equal(expected, loaded.Transform(rows).GetColumn<float[]>("Copy"));
                using PredictionEngine<Row, Prediction> engine = new MLContext().Model.CreatePredictionEngine<Row, Prediction>(loaded);
                Close(expected[1], engine.Predict(new Row { Text = "a fish" }).Embedding);
            }
        }
        finally
        {
            File.Delete(path);
        }

        pipeline.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _ml.Transforms.Generative().TextEmbedding("E", "Text", _model).Fit(rows));
    }

    [Fact]
    public void Texts_that_cannot_be_embedded_are_named()
    {
        using TextEmbeddingTransformer embedding = _ml.Transforms.Generative().TextEmbedding("Embedding", "Text", _model).Fit(Texts("a"));
        string message = Assert.ThrowsAny<InvalidDataException>(
            () => embedding.Transform(Texts("a", "the cat eats a fish the cat")).GetColumn<float[]>("Embedding").ToArray()).Message;
        Assert.Contains("Column 'Text', row 1: The text has 27 tokens; the model's context has 16", message);
        IDataView numbers = _ml.Data.LoadFromEnumerable([new { Text = 1f }]);
        Assert.Contains("'Text'", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Transforms.Generative().TextEmbedding("E", "Text", _model).Fit(numbers)).Message);
        Assert.Throws<ArgumentNullException>(() => _ml.Transforms.Generative().TextEmbedding("E", "Text", (LanguageModelTransformer)null!));
        Assert.Throws<ArgumentException>(() => _ml.Transforms.Generative().TextEmbedding("", "Text", _model));
        // Over its input.
        using TextEmbeddingTransformer over = _ml.Transforms.Generative().TextEmbedding("Text", null, _model).Fit(Texts("a"));
        Assert.Equal(16, over.Transform(Texts("a")).GetColumn<float[]>("Text").Single().Length);
    }

    private static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-4f);
    }

    private IDataView Texts(params string[] texts) => _ml.Data.LoadFromEnumerable(texts.Select(text => new Row { Text = text }));

    private sealed class Row
    {
        public string Text { get; set; } = "";
    }

    private sealed class Prediction
    {
        public float[] Embedding { get; set; } = [];
    }
}
