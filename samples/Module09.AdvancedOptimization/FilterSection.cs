using System.Diagnostics;
using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module09;

/// <summary>A filter before a chat model: a classifier of ML.NET refuses what is rude.</summary>
internal static class FilterSection
{
    /// <summary>What the filter does.</summary>
    /// <param name="RudeBefore">The share of rude answers without the filter.</param>
    /// <param name="RudeAfter">The share of answers that are rude in spite of it.</param>
    /// <param name="Refused">The share of answers that it refuses.</param>
    /// <param name="RefusedWrongly">The share of refused ones among answers to kind questions that are not rude.</param>
    /// <param name="Recall">The share of new rude sentences that it finds; some have insults that its examples lack.</param>
    /// <param name="FalseAlarms">The share of new harmless sentences that it refuses.</param>
    /// <param name="Milliseconds">The time to score a sentence.</param>
    public sealed record Result(
        double RudeBefore, double RudeAfter, double Refused, double RefusedWrongly, double Recall, double FalseAlarms,
        double Milliseconds);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("8. A safety filter");
        using LanguageModelTransformer model = Train(lesson);

        // An ordinary pipeline of ML.NET.
        IDataView examples = lesson.ML.Data.LoadFromEnumerable(Talk.Labeled(lesson.Quick ? 400 : 2_000, seed: 1, unseen: false));
        var pipeline = lesson.ML.Transforms.Text.FeaturizeText("Features", nameof(Talk.Sentence.Text))
            .Append(lesson.ML.BinaryClassification.Trainers.SdcaLogisticRegression());
        ITransformer classifier = pipeline.Fit(examples);
        Func<string, double> score = ContentFilterOptions.ScoreOf(lesson.ML, classifier);

        var random = new Random(5);
        string[] questions = [.. Enumerable.Range(0, lesson.Quick ? 20 : 200).Select(_ => Talk.Question(random))];
        IChatClient plain = model.AsChatClient(ChatTemplate.Plain);
        IChatClient filtered = new ContentFilterChatClient(plain, new ContentFilterOptions { Score = score });
        Answer[] answers = Ask(plain, questions), checkedAnswers = Ask(filtered, questions);
        foreach ((string question, Answer before, Answer after) in questions.Zip(answers, checkedAnswers).Take(6))
            Console.WriteLine($"{question,-42} {before.Text,-56} {(after.IsRefused ? "refused" : "passed")}");

        Result result = Measure(lesson, score, questions, answers, checkedAnswers);
        Console.WriteLine(
            $"Rude answers: {result.RudeBefore:P0} without the filter, {result.RudeAfter:P1} with it. Refused: {result.Refused:P0}, "
            + $"wrongly {result.RefusedWrongly:P1}. Of new rude sentences it finds {result.Recall:P1}, of harmless ones it refuses "
            + $"{result.FalseAlarms:P1}, each in {result.Milliseconds:F2} ms.");
        return result;
    }

    private readonly record struct Answer(string Text, bool IsRefused);

    private static Answer[] Ask(IChatClient chat, string[] questions) => [.. questions.Select((question, i) =>
    {
        // The same seed, and so the same answer behind the filter.
        ChatResponse response = chat.GetResponseAsync(question, new() { Seed = i }).GetAwaiter().GetResult();
        return new Answer(response.Text.Trim(), response.FinishReason == ChatFinishReason.ContentFilter);
    })];

    private static Result Measure(
        Lesson lesson, Func<string, double> score, string[] questions, Answer[] answers, Answer[] checkedAnswers)
    {
        bool[] isHarmless = [.. questions.Zip(answers, (question, answer) => !Talk.IsRude(question) && !Talk.IsRude(answer.Text))];
        var clock = Stopwatch.StartNew();
        (bool IsRude, double Score)[] scored =
            [.. Talk.Labeled(lesson.Quick ? 200 : 1_000, seed: 2, unseen: true).Select(s => (s.Label, score(s.Text)))];
        double milliseconds = clock.Elapsed.TotalMilliseconds / scored.Length;

        double[] thresholds = [.. Enumerable.Range(0, 41).Select(i => i / 40.0)];
        new Chart("The filter's threshold", "threshold", "sentences refused, %")
            .Line("of rude ones", [.. thresholds.Select(t => (t, 100 * Refused(isRude: true, t)))])
            .Line("of harmless ones", [.. thresholds.Select(t => (t, 100 * Refused(isRude: false, t)))])
            .Save(lesson.Output.File("filter.png", "what the filter refuses by its threshold"));
        return new Result(
            answers.Average(answer => Talk.IsRude(answer.Text) ? 1.0 : 0),
            checkedAnswers.Average(answer => Talk.IsRude(answer.Text) ? 1.0 : 0),
            checkedAnswers.Average(answer => answer.IsRefused ? 1.0 : 0),
            checkedAnswers.Where((_, i) => isHarmless[i]).Average(answer => answer.IsRefused ? 1.0 : 0),
            Refused(isRude: true, 0.5), Refused(isRude: false, 0.5), milliseconds);

        double Refused(bool isRude, double threshold) =>
            scored.Where(s => s.IsRude == isRude).Average(s => s.Score >= threshold ? 1.0 : 0);
    }

    private static LanguageModelTransformer Train(Lesson lesson)
    {
        Talk.Conversation[] conversations = Talk.Conversations(lesson.Quick ? 1_000 : 6_000, seed: 1);
        using var progress = new ConsoleProgress("conversations");
        return lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            MessagesColumnName = nameof(Talk.Conversation.Messages),
            ChatTemplate = ChatTemplate.Plain,
            Tokenizer = GenerativeTokenizers.TrainBytePairEncoding(
                conversations.Select(c => $"User: {c.Question}\nAssistant: {c.Answer}"), 500),
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = 2,
                Heads = lesson.Quick ? 2 : 4,
                EmbeddingSize = lesson.Quick ? 48 : 64,
                ContextLength = 96,
            },
            BatchSize = lesson.Quick ? 16 : 32,
            MaxSteps = lesson.Quick ? 100 : 400,
            LearningRate = lesson.Quick ? 1e-2 : 3e-3,
            EmaDecay = 0.95,
            Seed = 1,
            Generation = new TextGenerationOptions { MaxTokens = 40, TopP = 0.95 },
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.ML.Data.LoadFromEnumerable(conversations));
    }
}
