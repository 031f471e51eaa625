// What a generative model is: beside a discriminative one on the same images, and with text. README.md is the lesson.

using System.CommandLine;
using Module01;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "digits, which the program draws, mnist or fashion-mnist.", DefaultValueFactory = _ => "digits" };
dataOption.AcceptOnlyFromAmong("digits", "mnist", "fashion-mnist");
Option<string> textOption = new("--text")
{
    Description = "The language model: the path of a pre-trained folder or .bin file; made, to train one on stories that the program makes; or auto: stories260K where its file is, else made.",
    DefaultValueFactory = _ => "auto",
};
Option<bool> quickOption = new("--quick") { Description = "Fewer images, shorter trainings." };
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Generative models beside discriminative ones, and what else they can do.") { dataOption, textOption, quickOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        var output = new SampleOutput(parsed.GetValue(outputOption));
        using var lesson = Lesson.Load(parsed.GetValue(dataOption)!, parsed.GetValue(quickOption), output, cancellation);
        PlaneSection.Run(lesson);
        ClassesSection.Run(lesson);
        OutlierSection.Run(lesson);
        DrawingSection.Run(lesson);
        TextSection.Run(lesson, parsed.GetValue(textOption)!);
        MapSection.Run();
        Console.WriteLine();
        output.PrintFiles();
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or NotSupportedException or OperationCanceledException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}));
return await command.Parse(args).InvokeAsync();
