// Generative adversarial networks: the training written out, digits, mode collapse and what helps. README.md is the lesson.

using Module05;
using Samples.Shared;

string[] data = ["auto", "mnist", "fashion-mnist", "digits"];
return await SampleProgram.RunAsync(
    args, "Generative adversarial networks: trained, broken, stabilized and used.", data,
    "mnist; fashion-mnist; synthetic digits; or auto: MNIST where its files are, else digits.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        TrainingSection.Run(lesson);
        ConditionalSection.Run(lesson);
        DcganSection.Run(lesson);
        RingSection.Run(lesson);
        CollapseSection.Run(lesson);
        LatentSection.Run(lesson);
    });
