// Transformers and language models: their parts, training, attention, fine-tuning and chat. README.md is the lesson.

using System.CommandLine;
using Module06;
using Samples.Shared;

Option<bool> chat = new("--chat") { Description = "Talk to the fine-tuned model on the console at the end." };
string[] data = ["auto", "shakespeare", "made"];
return await SampleProgram.RunAsync(
    args, "Transformers and language models: trained, inspected, fine-tuned and talked to.", data,
    "shakespeare; made, a play that the program makes; or auto: Tiny Shakespeare where its file is, else made.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        TokensSection.Run(lesson);
        TrainingSection.Run(lesson);
        AttentionSection.Run(lesson);
        PartsSection.Run(lesson);
        DecodingSection.Run(lesson);
        EvaluationSection.Run(lesson);
        FineTuningSection.Run(lesson);
        SavingSection.Run(lesson);
        TransductionSection.Run(lesson);
        EncodersSection.Run(lesson);
        if (arguments.Value(chat))
            Chat.Run(lesson.Tuned, Console.In, Console.Out);
    }, chat);
