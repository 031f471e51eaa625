using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module06;

/// <summary>An encoder–decoder, T5, on two tasks at a time: from a text to another text.</summary>
internal static class TransductionSection
{
    /// <param name="FirstLoss">The loss at the beginning.</param>
    /// <param name="LastLoss">The loss at the end.</param>
    /// <param name="Dates">The share of unseen dates that are exactly right.</param>
    /// <param name="Programs">The share of unseen commands whose program is exactly right.</param>
    /// <param name="Results">The share of them whose program computes the right number.</param>
    /// <param name="GreedyRouge">ROUGE-L of greedy decoding over both tasks.</param>
    /// <param name="BeamRouge">The same of beam search.</param>
    public sealed record Result(
        double FirstLoss, double LastLoss, double Dates, double Programs, double Results, double GreedyRouge, double BeamRouge);

    private static readonly TextGenerationOptions _greedy = new() { Temperature = 0, MaxTokens = 24 };

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("9. From text to text: T5");
        int count = lesson.Quick ? 1_000 : 8_000, tested = lesson.Quick ? 40 : 200;
        Transduction.Pair[] dates = Transduction.Dates(new Random(1), count + tested);
        Transduction.Pair[] programs = Transduction.Programs(new Random(2), count + tested);
        IDataView train = lesson.ML.Data.LoadFromEnumerable(dates[..count].Concat(programs[..count]));
        (SequenceToSequenceTransformer model, IReadOnlyList<TrainingProgress> history) = Train(lesson, train);
        using SequenceToSequenceTransformer owned = model;
        new Chart("Training an encoder–decoder", "step", "−log p(character of the target), nats")
            .Line("both tasks", Lesson.Curve(history)).Range(yLow: 0)
            .Save(lesson.Output.File("transduction-loss.png", "the loss of an encoder–decoder on two tasks"));

        Transduction.Pair[] testDates = dates[count..], testPrograms = programs[count..];
        foreach (Transduction.Pair pair in testDates.Take(3).Concat(testPrograms.Take(3)))
            Console.WriteLine($"{pair.Source,-52} {model.Generate(pair.Source)}");
        TextMetrics ofDates = Evaluate(lesson, model, testDates), ofPrograms = Evaluate(lesson, model, testPrograms);
        double right = testPrograms.Zip(model.Generate([.. testPrograms.Select(pair => pair.Source)]))
            .Average(both => Transduction.Execute(both.Second) == Transduction.Execute(both.First.Target) ? 1.0 : 0);
        Console.WriteLine($"{model.Architecture.CountParameters():N0} parameters. Unseen dates: {ofDates.ExactMatch:P0} exactly right. "
            + $"Unseen commands: {ofPrograms.ExactMatch:P0} of the programs exactly right, {right:P0} compute the right number.");

        Transduction.Pair[] both = [.. testDates, .. testPrograms];
        double greedy = Rouge(_greedy), beams = Rouge(new TextGenerationOptions { Beams = 4, MaxTokens = _greedy.MaxTokens });
        Console.WriteLine($"ROUGE-L of both: {greedy:F3} by the most probable characters, {beams:F3} by a search with 4 beams.");
        return new Result(history[0].Loss, history[^1].RecentLoss, ofDates.ExactMatch, ofPrograms.ExactMatch, right, greedy, beams);

        double Rouge(TextGenerationOptions options)
        {
            IReadOnlyList<string> written = model.Generate([.. both.Select(pair => pair.Source)], options);
            IDataView rows = lesson.ML.Data.LoadFromEnumerable(
                written.Zip(both, (text, pair) => new Written { Output = text, Target = pair.Target }));
            return lesson.ML.Generative().EvaluateText(rows).RougeL.F1;
        }
    }

    private static (SequenceToSequenceTransformer Model, IReadOnlyList<TrainingProgress> History) Train(Lesson lesson, IDataView train)
    {
        using var progress = new ConsoleProgress("encoder–decoder");
        SequenceToSequenceTransformer model = lesson.ML.Transforms.Generative().SequenceToSequence(new SequenceToSequenceOptions
        {
            InputColumnName = nameof(Transduction.Pair.Source),
            TargetColumnName = nameof(Transduction.Pair.Target),
            Layers = lesson.Quick ? 1 : 2,
            EmbeddingSize = lesson.Quick ? 32 : 64,
            BatchSize = 32,
            LearningRate = 3e-3,
            MaxSteps = lesson.Quick ? 150 : 1_500,
            Generation = _greedy,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(train);
        return (model, progress.History);
    }

    private static TextMetrics Evaluate(Lesson lesson, SequenceToSequenceTransformer model, Transduction.Pair[] pairs) =>
        lesson.ML.Generative().EvaluateText(
            model.Transform(lesson.ML.Data.LoadFromEnumerable(pairs)), referenceColumnNames: nameof(Transduction.Pair.Target));

    private sealed class Written
    {
        public string Output { get; init; } = "";

        public string Target { get; init; } = "";
    }
}
