// Generative adversarial networks: the game written out, digits drawn by it, what collapse looks like and what helps. README.md is the lesson.

using System.CommandLine;
using Module05;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "mnist, fashion-mnist, digits, or auto: MNIST where its files are, else digits that the program draws.", DefaultValueFactory = _ => "auto" };
dataOption.AcceptOnlyFromAmong("auto", "mnist", "fashion-mnist", "digits");
Option<bool> quickOption = new("--quick") { Description = "Smaller networks, shorter trainings, fewer images." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Generative adversarial networks, trained, broken, mended and drawn with.") { dataOption, quickOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        using var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        GameSection.Run(lesson);
        DcganSection.Run(lesson);
        RingSection.Run(lesson);
        CollapseSection.Run(lesson);
        ConditionalSection.Run(lesson);
        LatentSection.Run(lesson);
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
