// Small files for large models: low-rank adapters and weights of few bits. README.md is the lesson.

using Module09;
using Samples.Shared;

string[] data = ["auto", "shakespeare", "made"];
return await SampleProgram.RunAsync(
    args, "Advanced optimization: low-rank adapters, quantized weights, and adapters switched while a model runs.", data,
    "shakespeare; made, a play that the program makes; or auto: Tiny Shakespeare where its file is, else made.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        BaseSection.Run(lesson);
        LoraSection.Run(lesson);
        RankSection.Run(lesson);
        QuantizationSection.Run(lesson);
        SwitchingSection.Run(lesson);
    });
