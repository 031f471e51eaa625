// What comes after training: adapters, fewer bits, prompts, bias, filters, watermarks, privacy, deployment. README.md is the lesson.

using Module09;
using Samples.Shared;

if (args is [ScalabilitySection.Command, string folder])
    return ScalabilitySection.RunProcess(folder);
string[] data = ["auto", "shakespeare", "made"];
return await SampleProgram.RunAsync(
    args, "Advanced optimization: adapters, quantized weights, prompting, bias, filters, watermarks, privacy, and deployment.", data,
    "shakespeare; made, a play that the program makes; or auto: Tiny Shakespeare where its file is, else made.", arguments =>
    {
        using var lesson = new Lesson(arguments);
        BaseSection.Run(lesson);
        LoraSection.Run(lesson);
        RankSection.Run(lesson);
        QuantizationSection.Run(lesson);
        SwitchingSection.Run(lesson);
        PromptSection.Run(lesson);
        BiasSection.Run(lesson);
        FilterSection.Run(lesson);
        WatermarkSection.Run(lesson);
        ProvenanceSection.Run(lesson);
        PrivacySection.Run(lesson);
        DeploymentSection.Run(lesson);
        ScalabilitySection.Run(lesson);
    });
