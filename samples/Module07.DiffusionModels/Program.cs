// Diffusion models: noise added step by step, a network that takes it away, and many ways to draw with it. README.md is the lesson.

using System.CommandLine;
using Module07;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "digits that the program draws, mnist or fashion-mnist where their files are.", DefaultValueFactory = _ => "digits" };
dataOption.AcceptOnlyFromAmong("digits", "mnist", "fashion-mnist");
Option<bool> quickOption = new("--quick") { Description = "Smaller networks, shorter trainings, fewer images." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Diffusion models, trained and drawn with.") { dataOption, quickOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        using var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        ForwardSection.Run(lesson);
        TrainingSection.Run(lesson);
        SamplersSection.Run(lesson);
        GuidanceSection.Run(lesson);
        EditingSection.Run(lesson);
        FolderSection.Run(lesson);
        FlowSection.Run(lesson);
        Console.WriteLine();
        output.PrintFiles();
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or OperationCanceledException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}));
return await command.Parse(args).InvokeAsync();
