#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Texts from texts: a small T5 learns to write dates as computers do.

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;

var mlContext = new MLContext(seed: 1);
DateRow[] days = [.. Enumerable.Range(0, 1500).Select(n => new DateTime(2000, 1, 1).AddDays(n * 37 % 9000)).Select(day => new DateRow
{
    Words = day.ToString("d MMM yyyy", CultureInfo.InvariantCulture),
    Date = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
})];
IDataView train = mlContext.Data.LoadFromEnumerable(days[..1400]), test = mlContext.Data.LoadFromEnumerable(days[1400..]);

using SequenceToSequenceTransformer model = mlContext.Transforms.Generative().SequenceToSequence(new SequenceToSequenceOptions
{
    OutputColumnName = "Iso",
    InputColumnName = "Words",
    TargetColumnName = "Date",
    Layers = 2,
    EmbeddingSize = 64,
    BatchSize = 32,
    MaxSteps = 500,
    LearningRate = 3e-3,
    Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 12 },
    Seed = 1,
    Threads = 1,
}).Fit(train);

Console.WriteLine(model.Generate("3 May 2024"));
TextMetrics metrics = mlContext.Generative().EvaluateText(model.Transform(test), "Iso", "Date");
Console.WriteLine($"exact dates: {(metrics.ExactMatch > 0.9 ? "more than 90 %" : $"{metrics.ExactMatch:P0}")}");

string folder = Path.Combine(Path.GetTempPath(), "t5-dates");
model.SavePretrained(folder);
using SequenceToSequenceTransformer loaded = mlContext.Generative().LoadPretrainedSequenceToSequence(folder);
Console.WriteLine(loaded.Generate("3 May 2024", new TextGenerationOptions { Beams = 4, MaxTokens = 12 }));
Directory.Delete(folder, recursive: true);

internal sealed class DateRow
{
    public string Words { get; set; } = "";

    public string Date { get; set; } = "";
}

// Expected output:
// 2024-05-03
// exact dates: more than 90 %
// 2024-05-03
