// Diffusion models: noise added step by step, a network that removes it, and many ways to sample with it. README.md is the lesson.

using Module07;
using Samples.Shared;

string[] data = ["digits", "mnist", "fashion-mnist"];
return await SampleProgram.RunAsync(
    args, "Diffusion models, trained and sampled.", data, "synthetic digits; mnist; or fashion-mnist.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        ForwardSection.Run(lesson);
        TrainingSection.Run(lesson);
        SamplersSection.Run(lesson);
        GuidanceSection.Run(lesson);
        EditingSection.Run(lesson);
        FolderSection.Run(lesson);
        FlowSection.Run(lesson);
    });
