#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Sentence embeddings: vectors of a published encoder, or of a tiny one trained here, to find near sentences and to classify texts.

using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
string[] things =
[
    "soup", "bread", "cake", "salad", "pizza", "steak", "curry", "pie", "fish", "tea",
    "train", "bus", "tram", "ferry", "plane", "taxi", "hotel", "room", "film", "book",
];
string[] praise = ["great", "lovely", "perfect", "superb", "nice"], blame = ["awful", "bad", "terrible", "poor", "nasty"];
Review[] reviews = [.. things.SelectMany(thing => praise.Concat(blame).Select(word =>
    new Review($"The {thing} was {word}.", $"I had a {word} {thing}.", praise.Contains(word))))];
IDataView data = mlContext.Data.LoadFromEnumerable(reviews);

// A folder with all-MiniLM-L6-v2 in the data directory, else an encoder that learns which sentences mean the same.
string folder = Path.Combine(mlContext.Generative().DataDirectory, "minilm");
if (!Directory.Exists(folder))
{
    Console.Error.WriteLine(
        $"'{folder}' is missing, so a tiny encoder is trained in place of the published one. To get that, put the files of "
        + "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 there: HuggingFaceHub.DownloadAsync downloads them.");
}

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

// The sentence whose vector is nearest to that of another one: vectors have the length 1, so that scalar products are cosines.
float[] query = encoder.Embed(reviews[7].Pair);
float[][] vectors = encoder.Embed([.. reviews.Select(review => review.Text)]);
(Review nearest, float[] vector) = reviews.Zip(vectors).MaxBy(pair => TensorPrimitives.Dot(query, pair.Second));
Console.WriteLine($"nearest to '{reviews[7].Pair}': '{nearest.Text}', cosine {TensorPrimitives.Dot(query, vector):F2}");

// The vectors are features of any trainer: a hundred labeled rows, here of every second thing, tell about the others. Vectors of length 1
// want little regularization.
IDataView train = mlContext.Data.LoadFromEnumerable(reviews.Where((_, i) => i / 10 % 2 == 0));
IDataView test = mlContext.Data.LoadFromEnumerable(reviews.Where((_, i) => i / 10 % 2 == 1));
var pipeline = mlContext.Transforms.Generative().TextEmbedding("Features", "Text", encoder)
    .Append(mlContext.BinaryClassification.Trainers.LbfgsLogisticRegression(l1Regularization: 0, l2Regularization: 0.01f));
using var classifier = pipeline.Fit(train);
Console.WriteLine($"accuracy of the others {mlContext.BinaryClassification.Evaluate(classifier.Transform(test)).Accuracy:F2}");

internal sealed record Review(string Text, string Pair, bool Label);

// Expected output (numbers depend on the processor):
// nearest to 'I had a terrible soup.': 'The soup was terrible.', cosine 0.96
// accuracy of the others 1.00
