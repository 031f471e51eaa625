using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tests;
using Module07;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, with a small network; the tests look at what they computed and wrote.</summary>
public sealed class Module07Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module07Run()
    {
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(_folder.Path)));
        Forward = ForwardSection.Run(lesson);
        Training = TrainingSection.Run(lesson);
        Samplers = SamplersSection.Run(lesson);
        (TimeOfMany, TimeOfFew) = (TimeOf(100), TimeOf(2));
        Guidance = GuidanceSection.Run(lesson);
        Editing = EditingSection.Run(lesson);
        Folder = FolderSection.Run(lesson);
        Flow = FlowSection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path);

        TimeSpan TimeOf(int steps)
        {
            var time = new ProcessorTime();
            Lesson.Images(lesson.Model.Generate(1, new() { Label = 1, Seed = 1, Steps = steps, Sampler = DiffusionSampler.Ddim }));
            return time.Elapsed;
        }
    }

    internal ForwardSection.Result Forward { get; }

    internal TrainingSection.Result Training { get; }

    internal SamplersSection.Result Samplers { get; }

    internal TimeSpan TimeOfMany { get; }

    internal TimeSpan TimeOfFew { get; }

    internal IReadOnlyList<GuidanceSection.Line> Guidance { get; }

    internal EditingSection.Result Editing { get; }

    internal FolderSection.Result Folder { get; }

    internal IReadOnlyList<FlowSection.Line> Flow { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module07Tests(Module07Run run) : IClassFixture<Module07Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(12, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_the_images_that_the_program_writes() => LessonFiles.AreNamed(run.Images, "Module07");

    [Fact]
    public void The_lesson_quotes_the_program() => LessonFiles.QuoteTheProgram("Module07");

    [Fact]
    public void The_cosine_schedule_keeps_the_image_longer()
    {
        // ᾱ of the cosine is ½ half-way, but for its small offset.
        Assert.Equal(500, run.Forward.CosineHalf, 10.0);
        Assert.True(run.Forward.LinearHalf < 300);
    }

    [Fact]
    public void Even_a_short_training_learns_to_predict_noise()
    {
        foreach (DiffusionMetrics metrics in (DiffusionMetrics[])[run.Training.Velocity.Metrics, run.Training.Noise.Metrics])
        {
            Assert.InRange(metrics.NoiseLoss, 0, 0.6);
            Assert.True(metrics.NoiseLossByBand[3] < metrics.NoiseLossByBand[0]);
        }

        Assert.True(run.Training.TestAccuracy > 0.7, $"{run.Training.TestAccuracy}");
    }

    [Fact]
    public void Few_steps_are_faster_than_many()
    {
        Assert.All(run.Samplers.Lines, line => Assert.True(line.SecondsPerImage > 0));
        Assert.True(run.TimeOfFew < run.TimeOfMany / 5, $"{run.TimeOfFew}, {run.TimeOfMany}");
    }

    [Fact]
    public void More_steps_come_nearer_to_the_exact_trajectory() =>
        Assert.All(run.Samplers.Errors.Values, points => Assert.True(points[^1].Distance < points[0].Distance));

    [Fact]
    public void More_strength_changes_more() => Assert.Equal(run.Editing.Changes.Order(), run.Editing.Changes);

    [Fact]
    public void Pixels_that_the_mask_keeps_stay() => Assert.Equal(0, run.Editing.KeptDifference, 1e-5);

    [Fact]
    public void A_folder_of_diffusers_generates_the_same()
    {
        Assert.Equal(
            [
                "README.md", "model_index.json", "scheduler/scheduler_config.json", "unet/config.json",
                "unet/diffusion_pytorch_model.safetensors",
            ],
            run.Folder.Files);
        Assert.Equal(0, run.Folder.Difference);
    }
}
