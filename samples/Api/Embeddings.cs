#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Text embeddings: a language model turns texts into vectors through IEmbeddingGenerator of Microsoft.Extensions.AI.

using System.Numerics.Tensors;
using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
string[] animals = ["cat", "dog", "cow", "hen"], colors = ["red", "blue", "pink", "gray"];
IEnumerable<string> sentences = animals.Select(animal => $"the {animal} eats. ").Concat(colors.Select(color => $"a {color} car. "));
IDataView train = mlContext.Data.LoadFromEnumerable(sentences.Select(sentence => new { Text = sentence }));

using LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    InputColumnName = "Text",
    Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 },
    MaxSteps = 200,
    BatchSize = 8,
    LearningRate = 5e-3,
    Seed = 1,
    Threads = 1,
}).Fit(train);

using IEmbeddingGenerator<string, Embedding<float>> generator = model.AsEmbeddingGenerator();
GeneratedEmbeddings<Embedding<float>> embeddings = await generator.GenerateAsync(["the cat eats. ", "the dog eats. ", "a blue car. "]);
Console.WriteLine($"{embeddings.Count} vectors of {embeddings[0].Vector.Length} values");

float Similarity(int first, int second) => TensorPrimitives.CosineSimilarity(embeddings[first].Vector.Span, embeddings[second].Vector.Span);
Console.WriteLine($"cat and dog: {Similarity(0, 1):F2}");
Console.WriteLine($"cat and car: {Similarity(0, 2):F2}");
Console.WriteLine($"The animals are closer: {Similarity(0, 1) > Similarity(0, 2)}");

// Expected output (numbers depend on the processor):
// 3 vectors of 32 values
// cat and dog: 0.87
// cat and car: 0.61
// The animals are closer: True
