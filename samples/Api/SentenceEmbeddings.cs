#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Sentence embeddings: vectors of a published encoder, or of a tiny one trained here, to find near sentences and to classify texts.

using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
string[] things = ["soup", "bread", "cake", "salad", "pizza", "train", "bus", "tram", "ferry", "plane"];
string[] praise = ["great", "lovely", "perfect", "superb", "nice"], blame = ["awful", "bad", "terrible", "poor", "nasty"];
Review[] reviews = [.. things.SelectMany(thing => praise.Concat(blame).Select(word =>
    new Review($"The {thing} was {word}.", $"I had a {word} {thing}.", praise.Contains(word))))];
IDataView data = mlContext.Data.LoadFromEnumerable(reviews);

// A folder with all-MiniLM-L6-v2 in the data directory, else an encoder that learns which sentences mean the same.
string folder = Path.Combine(mlContext.Generative().DataDirectory, "minilm");
using SentenceEmbeddingTransformer encoder = Directory.Exists(folder)
    ? mlContext.Generative().LoadPretrainedEncoder(folder)
    : mlContext.Transforms.Generative().SentenceEmbedding(new SentenceEmbeddingOptions
    {
        PairColumnName = "Pair",
        Architecture = new EncoderArchitecture { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 16 },
        MaxSteps = 200,
        Seed = 1,
        Threads = 1,
    }).Fit(data);

// The sentence whose vector is nearest to that of another one.
float[] query = encoder.Embed(reviews[7].Pair);
Review nearest = reviews.MaxBy(review => TensorPrimitives.Dot(query, encoder.Embed(review.Text)))!;
Console.WriteLine($"nearest to '{reviews[7].Pair}': '{nearest.Text}'");

// The vectors are features of any trainer: half of the rows are learned. Vectors of length 1 want little regularization.
DataOperationsCatalog.TrainTestData split = mlContext.Data.TrainTestSplit(data, testFraction: 0.5, seed: 1);
var pipeline = mlContext.Transforms.Generative().TextEmbedding("Features", "Text", encoder)
    .Append(mlContext.BinaryClassification.Trainers.LbfgsLogisticRegression(l1Regularization: 0, l2Regularization: 0.01f));
using var classifier = pipeline.Fit(split.TrainSet);
Console.WriteLine($"accuracy {mlContext.BinaryClassification.Evaluate(classifier.Transform(split.TestSet)).Accuracy:F2}");

internal sealed record Review(string Text, string Pair, bool Label);

// Expected output (numbers depend on the processor):
// nearest to 'I had a terrible soup.': 'The soup was terrible.'
// accuracy 1.00
