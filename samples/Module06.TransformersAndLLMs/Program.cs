// Transformers and language models: what they are made of, trained, looked into, tuned and talked to. README.md is the lesson.

using System.CommandLine;
using Module06;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "shakespeare, made, or auto: Tiny Shakespeare where its file is, else a play that the program makes.", DefaultValueFactory = _ => "auto" };
dataOption.AcceptOnlyFromAmong("auto", "shakespeare", "made");
Option<bool> quickOption = new("--quick") { Description = "Less text, a smaller network, shorter trainings." };
Option<bool> chatOption = new("--chat") { Description = "Talk to the tuned model on the console at the end." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Transformers and language models, trained, looked into, tuned and talked to.") { dataOption, quickOption, chatOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        using var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        TokensSection.Run(lesson);
        TrainingSection.Run(lesson);
        AttentionSection.Run(lesson);
        PartsSection.Run(lesson);
        DecodingSection.Run(lesson);
        EvaluationSection.Run(lesson);
        FineTuningSection.Run(lesson);
        SavingSection.Run(lesson);
        Console.WriteLine();
        output.PrintFiles();
        if (parsed.GetValue(chatOption))
            Chat.Run(lesson.Tuned, Console.In, Console.Out);
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or OperationCanceledException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}));
return await command.Parse(args).InvokeAsync();
