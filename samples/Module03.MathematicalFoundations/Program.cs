// The mathematics behind generative models, computed and drawn on images of digits. README.md is the lesson.

using System.CommandLine;
using Module03;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "mnist, digits, or auto: MNIST where its files are, else digits that the program draws.", DefaultValueFactory = _ => "auto" };
dataOption.AcceptOnlyFromAmong("auto", "mnist", "digits");
Option<bool> quickOption = new("--quick") { Description = "Fewer images, shorter trainings, smaller simulations." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("The mathematical foundations of generative models, shown on digits.") { dataOption, quickOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        using var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        BayesSection.Run(lesson);
        MatrixSection.Run(lesson);
        PcaSection.Run(lesson);
        GradientSection.Run(lesson);
        InformationSection.Run(lesson);
        TransformationSection.Run(lesson);
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
