// Reinforcement learning: from a grid world that is solved exactly to images and texts that are rewarded. README.md is the lesson.

using Module08;
using Samples.Shared;

string[] data = ["digits", "mnist"];
const string About = "Reinforcement learning, from a grid world to images and texts.";
return await SampleProgram.RunAsync(args, About, data, "synthetic digits; or mnist.", arguments =>
{
    using var lesson = new Lesson(arguments);
    GridSection.Run(lesson);
    PolicyGradientSection.Run(lesson);
    BanditSection.Run(lesson);
    ImageSection.Run(lesson);
    HackingSection.Run(lesson);
    TextSection.Run(lesson);
});
