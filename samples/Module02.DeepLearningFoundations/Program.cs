// Networks and how they learn: forward and backward written out, optimizers compared, settings searched for. README.md is the lesson.

using System.CommandLine;
using Module02;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "mnist, fashion-mnist, digits, or auto: MNIST where its files are, else digits that the program draws.", DefaultValueFactory = _ => "auto" };
dataOption.AcceptOnlyFromAmong("auto", "mnist", "fashion-mnist", "digits");
Option<bool> quickOption = new("--quick") { Description = "Fewer images, shorter trainings." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Networks that name digits: forward, backward, optimizers, convolutions, the search for settings.") { dataOption, quickOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        ForwardSection.Run(lesson);
        BackwardSection.Run(lesson);
        OptimizerSection.Run(lesson);
        ConvolutionSection.Run(lesson);
        OverfittingSection.Run(lesson);
        SearchSection.Run(lesson);
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
