// The mathematics behind generative models, computed on images of digits. README.md is the lesson.

using Module03;
using Samples.Shared;

string[] data = ["auto", "mnist", "digits"];
return await SampleProgram.RunAsync(
    args, "The mathematical foundations of generative models, shown on digits.", data,
    "mnist; synthetic digits; or auto: MNIST where its files are, else digits.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        BayesSection.Run(lesson);
        MatrixSection.Run(lesson);
        PcaSection.Run(lesson);
        GradientSection.Run(lesson);
        InformationSection.Run(lesson);
        TransformationSection.Run(lesson);
    });
