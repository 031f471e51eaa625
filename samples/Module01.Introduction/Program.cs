// What a generative model is: beside a discriminative one on the same images, and with text. README.md is the lesson.

using System.CommandLine;
using Module01;
using Samples.Shared;

Option<string> text = new("--text")
{
    Description = "The language model: the path of a pretrained folder or .bin file; made, to train one on stories that the program makes; "
        + "or auto: stories260K where its file is, else made.",
    DefaultValueFactory = _ => "auto",
};
string[] data = ["digits", "mnist", "fashion-mnist"];
return await SampleProgram.RunAsync(
    args, "Generative models beside discriminative ones, and what else they can do.", data, "synthetic digits; mnist; or fashion-mnist.",
    arguments =>
    {
        using var lesson = new Lesson(arguments);
        PlaneSection.Run(lesson);
        ClassesSection.Run(lesson);
        OutlierSection.Run(lesson);
        GenerationSection.Run(lesson);
        TextSection.Run(lesson, arguments.Value(text)!);
        MapSection.Run();
    }, text);
