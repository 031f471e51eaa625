#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A normalizing flow: learns the exact density of rows, finds unusual ones with it, and generates new ones.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;

var mlContext = new MLContext(seed: 1);
IDataView train = Parcels(2_000, seed: 1);
IDataView test = Parcels(1_000, seed: 2);

FlowEstimator estimator = mlContext.Transforms.Generative().Flow(new FlowOptions
{
    InputColumnName = "Features",
    HiddenSizes = [32, 32],
    BatchSize = 200,
    Epochs = 40,
    LearningRate = 5e-3,
    Seed = 1,
    Threads = 1,
});
using FlowTransformer model = estimator.Fit(train);

// The lengths are uniform over 300 mm, the weights over a fifth of what the length gives: that is the entropy, which no model is below.
FlowMetrics metrics = mlContext.Generative().EvaluateFlow(model, test);
double entropy = test.GetColumn<float>("Length").Average(length => Math.Log(300 * 0.2 * length / 100));
Console.WriteLine($"-log p(x) {metrics.NegativeLogLikelihood:F2} nats; the entropy is {entropy:F2}");

// Each value is usual, but not together.
float[] scores = [.. model.Transform(test).GetColumn<float>("NegativeLogDensity")];
foreach (float weight in (float[])[3.5f, 2.9f])
{
    double score = -model.LogDensity([350, weight]);
    Console.WriteLine(
        $"350 mm and {weight:F1} kg: a higher score than {100 * scores.Average(s => score > s ? 1.0 : 0):F0} % of the test rows");
}

foreach (float[] parcel in model.Generate(count: 3, new() { Seed = 7 }).GetColumn<float[]>("Generated"))
    Console.WriteLine($"A parcel of {parcel[0]:F0} mm and {parcel[1]:F1} kg");

IDataView Parcels(int count, int seed)
{
    var random = new Random(seed);
    var rows = Enumerable.Range(0, count).Select(_ => 100 + 300 * random.NextSingle())
        .Select(length => new { Length = length, Weight = length / 100 * (0.9f + 0.2f * random.NextSingle()) }).ToArray();
    IDataView data = mlContext.Data.LoadFromEnumerable(rows);
    return mlContext.Transforms.Concatenate("Features", "Length", "Weight").Fit(data).Transform(data);
}

// Expected output (numbers depend on the processor):
// -log p(x) 5.05 nats; the entropy is 4.95
// 350 mm and 3.5 kg: a higher score than 74 % of the test rows
// 350 mm and 2.9 kg: a higher score than 100 % of the test rows
// A parcel of 230 mm and 2.1 kg
// A parcel of 137 mm and 1.5 kg
// A parcel of 329 mm and 3.2 kg
