// Variational autoencoders: what they are and what they are for. README.md is the lesson.

using Module04;
using Samples.Shared;

string[] data = ["auto", "mnist", "fashion-mnist", "digits"];
return await SampleProgram.RunAsync(
    args, "Variational autoencoders, trained on images.", data,
    "mnist; fashion-mnist; synthetic digits; or auto: MNIST or Fashion-MNIST where their files are, else digits.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        AutoencoderSection.Run(lesson);
        LatentSection.Run(lesson);
        InterpolationSection.Run(lesson);
        KlSection.Run(lesson);
        ConditionalSection.Run(lesson);
        AnomalySection.Run(lesson);
    });
