// Networks and how they learn: forward and backward written out, optimizers compared, hyper-parameters searched for. README.md is the
// lesson.

using Module02;
using Samples.Shared;

string[] data = ["auto", "mnist", "fashion-mnist", "digits"];
return await SampleProgram.RunAsync(
    args, "Networks that classify digits: forward, backward, optimizers, convolutions, hyper-parameters.", data,
    "mnist; fashion-mnist; synthetic digits; or auto: MNIST where its files are, else digits.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        ForwardSection.Run(lesson);
        BackwardSection.Run(lesson);
        OptimizerSection.Run(lesson);
        ConvolutionSection.Run(lesson);
        OverfittingSection.Run(lesson);
        SearchSection.Run(lesson);
    });
