using Microsoft.ML.Generative.Tests;
using Module01;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, with few images and a made text; the tests look at what they computed and wrote.</summary>
public sealed class Module01Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module01Run()
    {
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(_folder.Path)));
        Plane = PlaneSection.Run(lesson);
        Classes = ClassesSection.Run(lesson);
        Outlier = OutlierSection.Run(lesson);
        Generation = GenerationSection.Run(lesson);
        Text = TextSection.Run(lesson, "made");
        MapSection.Run();
        Images = Directory.GetFiles(_folder.Path);
    }

    internal PlaneSection.Result Plane { get; }

    internal ClassesSection.Result Classes { get; }

    internal OutlierSection.Result Outlier { get; }

    internal GenerationSection.Result Generation { get; }

    internal TextSection.Result Text { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module01Tests(Module01Run run) : IClassFixture<Module01Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(11, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_every_image_and_no_other() => LessonFiles.AreNamed(run.Images, "Module01");

    [Fact]
    public void The_lesson_quotes_the_program_as_it_is() => LessonFiles.QuoteTheProgram("Module01");

    [Fact]
    public void A_normal_distribution_is_fitted_scored_and_sampled()
    {
        // The square's corners: variances 4 and 9, no covariance.
        var square = Gaussian.Fit([(1, 7), (5, 7), (1, 1), (5, 1)]);
        Assert.Equal(new Gaussian(3, 4, 4, 0, 9), square);
        Assert.Equal(-Math.Log(2 * Math.PI * 2 * 3) - 0.5 - 2, square.LogDensity((5, 10)), 12);

        var slanted = new Gaussian(1, -2, 4, 3, 5);
        // The inverse of (4 3; 3 5) is (5 −3; −3 4)/11.
        Assert.Equal(-Math.Log(2 * Math.PI * Math.Sqrt(11)) - (5 * 1 - 2 * 3 * 1 * 2 + 4 * 4) / 22.0, slanted.LogDensity((2, 0)), 12);
        var random = new Random(1);
        var again = Gaussian.Fit([.. Enumerable.Range(0, 100_000).Select(_ => slanted.Sample(random))]);
        Assert.Equal(slanted.MeanX, again.MeanX, 0.03);
        Assert.Equal(slanted.MeanY, again.MeanY, 0.03);
        Assert.Equal(slanted.XX, again.XX, 0.1);
        Assert.Equal(slanted.XY, again.XY, 0.1);
        Assert.Equal(slanted.YY, again.YY, 0.1);
    }

    [Fact]
    public void The_classifier_s_weights_give_the_probabilities_that_it_gives()
    {
        var result = run.Plane;
        Assert.InRange(result.Discriminative, 0.6, 1);
        Assert.InRange(result.Generative, 0.6, 1);
        Assert.InRange(result.Generated, 0.6, 1);
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(Path.GetDirectoryName(run.Images[0]))));
        lesson.Classifier = ClassesSection.TrainClassifier(lesson, lesson.TrainRows);
        var image = lesson.TestImages.Images[0];
        double[] found = new LinearScores(lesson.Classifier.Model).Probabilities([.. image.Select(value => (double)value)]);
        Assert.All(ClassesSection.Classify(lesson, [image])[0].Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Fact]
    public void A_blot_has_a_confident_class_and_a_very_low_density()
    {
        Assert.True(run.Plane.BlotConfidence > 0.95);
        Assert.True(run.Plane.BlotLogDensity < run.Plane.LeastLogDensity);
    }

    [Fact]
    public void Both_models_predict_the_classes_of_images()
    {
        Assert.InRange(run.Classes.Discriminative, 0.85, 1);
        Assert.InRange(run.Classes.Generative, 0.8, 1);
        Assert.InRange(run.Classes.Both, 0, Math.Min(run.Classes.Discriminative, run.Classes.Generative));
    }

    [Fact]
    public void The_generative_model_is_better_with_few_training_images_and_the_discriminative_one_with_many()
    {
        var (few, many) = (run.Classes.FewExamples[0], run.Classes.FewExamples[^1]);
        Assert.True(few.Generative > few.Discriminative + 0.05);
        Assert.True(many.Discriminative > many.Generative);
    }

    [Fact]
    public void Noise_is_improbable_and_an_empty_image_is_not()
    {
        var kinds = run.Outlier.Kinds.ToDictionary(kind => kind.Name);
        Assert.Equal(0.5, kinds["test images"].NatsArea, 1e-6);
        foreach (string name in new[] { "pixels shuffled", "negatives", "noise" })
        {
            Assert.True(kinds[name].NatsArea > 0.99, name);
            Assert.True(kinds[name].NatsArea > kinds[name].ConfidenceArea, name);
        }

        Assert.True(kinds["empty"].Nats < kinds["test images"].Nats);
        Assert.True(run.Outlier.ClassifierConfidence > 0.9);
        Assert.True(run.Outlier.GeneratorConfidence > 0.7);
    }

    [Fact]
    public void Generated_images_are_of_the_requested_class() => Assert.InRange(run.Generation.ClassAccuracy, 0.7, 1);

    [Fact]
    public void Generation_is_predicting_the_next_token_again_and_again()
    {
        Assert.Equal(run.Text.Generated, run.Text.Written);
        Assert.Contains(run.Text.Written.Split(' ')[0], (string[])["girl", "boy"]);
        Assert.InRange(run.Text.Probability, 1e-4, 1);
    }

    [Fact]
    public void A_low_temperature_sharpens_the_probabilities_and_a_high_one_flattens_them()
    {
        Assert.True(run.Text.Top[0] > run.Text.Top[1] && run.Text.Top[1] > run.Text.Top[2]);
        Assert.Equal(run.Text.Samples.Count, run.Text.Samples.Distinct().Count());
    }

    [Fact]
    public void A_sentence_is_more_probable_than_its_words_or_letters_in_another_order()
    {
        Assert.True(run.Text.BitsPerByte[0] < run.Text.BitsPerByte[1] - 1);
        Assert.True(run.Text.BitsPerByte[1] < run.Text.BitsPerByte[2] - 1);
    }

    [DataFileFact("stories260K/stories260K.bin", "stories260K/tok512.bin")]
    public void A_published_model_is_loaded_from_its_path()
    {
        using var folder = new TemporaryFolder();
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(folder.Path)));
        var result = TextSection.Run(lesson, DataFile.Find("stories260K/stories260K.bin")!);
        Assert.StartsWith(" girl named Lily. She loved", result.Written);
        Assert.Equal(result.Generated, result.Written);
    }

    [Fact]
    public void The_map_has_the_modules_that_are_there()
    {
        Assert.Equal(Enumerable.Range(1, 10), MapSection.Modules.Select(module => module.Number));
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "GenAI.sln")))
            root = root.Parent ?? throw new InvalidOperationException("The tests do not lie in the repository.");
        string[] there = [.. root.GetDirectories("samples/Module*").Where(folder => File.Exists(Path.Combine(folder.FullName, "README.md")))
            .Select(folder => folder.Name).Order(StringComparer.Ordinal)];

        Assert.True(
            there.SequenceEqual(MapSection.Modules.Select(module => module.Folder).OfType<string>()),
            $"MapSection.Modules of samples/Module01.Introduction has to name these folders: {string.Join(", ", there)}");
        string lesson = File.ReadAllText(Path.Combine(root.FullName, "samples", "Module01.Introduction", "README.md"));
        Assert.All(there.Where(name => name != "Module01.Introduction"), name =>
            Assert.Contains($"](../{name}/README.md)", lesson, StringComparison.Ordinal));
    }
}
