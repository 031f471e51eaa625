#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Information theory: entropy, divergences and mutual information, of distributions and of columns.

using Microsoft.ML;
using Microsoft.ML.Generative.Statistics;

double[] fair = [0.5, 0.5], biased = [0.9, 0.1];
Console.WriteLine($"Entropy of a fair coin: {InformationTheory.Entropy(fair, InformationUnit.Bits):F3} bits");
Console.WriteLine($"Entropy of a biased coin: {InformationTheory.Entropy(biased, InformationUnit.Bits):F3} bits");
Console.WriteLine($"KL(biased || fair): {InformationTheory.KlDivergence(biased, fair, InformationUnit.Bits):F3} bits");
Console.WriteLine($"KL(fair || biased): {InformationTheory.KlDivergence(fair, biased, InformationUnit.Bits):F3} bits");
Console.WriteLine($"Jensen-Shannon divergence: {InformationTheory.JensenShannonDivergence(fair, biased, InformationUnit.Bits):F3} bits");
Console.WriteLine($"Perplexity of a fair die: {InformationTheory.Perplexity([.. Enumerable.Repeat(1 / 6.0, 6)]):F1}");

double[,] joint = { { 0.4, 0.1 }, { 0.1, 0.4 } };
Console.WriteLine($"Mutual information of two dependent coins: {InformationTheory.MutualInformation(joint, InformationUnit.Bits):F3} bits");

double gaussians = InformationTheory.DiagonalGaussianKlDivergence([1, 0], [1, 1], [0, 0], [1, 1]);
Console.WriteLine($"KL of two Gaussians one standard deviation apart: {gaussians:F3} nats");

// From data: the weather tells something of the umbrella.
var mlContext = new MLContext(seed: 1);
IDataView days = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 1_000).Select(day => new
{
    Weather = day % 4 == 0 ? "rain" : "sun",
    Umbrella = day % 4 == 0 || day % 10 == 1 ? "yes" : "no",
}));
Console.WriteLine($"Entropy of the weather: {InformationTheory.EstimateEntropy(days, "Weather", unit: InformationUnit.Bits):F3} bits");
double shared = InformationTheory.EstimateMutualInformation(days, "Weather", "Umbrella", unit: InformationUnit.Bits);
Console.WriteLine($"Mutual information of weather and umbrella: {shared:F3} bits");

// Expected output:
// Entropy of a fair coin: 1.000 bits
// Entropy of a biased coin: 0.469 bits
// KL(biased || fair): 0.531 bits
// KL(fair || biased): 0.737 bits
// Jensen-Shannon divergence: 0.147 bits
// Perplexity of a fair die: 6.0
// Mutual information of two dependent coins: 0.278 bits
// KL of two Gaussians one standard deviation apart: 0.500 nats
// Entropy of the weather: 0.812 bits
// Mutual information of weather and umbrella: 0.509 bits
