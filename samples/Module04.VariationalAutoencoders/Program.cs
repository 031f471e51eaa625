// Variational autoencoders: what they are and what they are for, trained and drawn on images. README.md is the lesson.

using System.CommandLine;
using Module04;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "mnist, fashion-mnist, digits, or auto: MNIST or Fashion-MNIST where their files are, else digits that the program draws.", DefaultValueFactory = _ => "auto" };
dataOption.AcceptOnlyFromAmong("auto", "mnist", "fashion-mnist", "digits");
Option<bool> quickOption = new("--quick") { Description = "Fewer images, shorter trainings." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Variational autoencoders, trained and drawn on images.") { dataOption, quickOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        using var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        AutoencoderSection.Run(lesson);
        LatentSection.Run(lesson);
        InterpolationSection.Run(lesson);
        KlSection.Run(lesson);
        ConditionalSection.Run(lesson);
        AnomalySection.Run(lesson);
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
