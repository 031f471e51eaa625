using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>Image files that say that a model made them.</summary>
internal static class ProvenanceSection
{
    public static ImageProvenance Run(Lesson lesson)
    {
        Lesson.Title("10. Provenance of images");
        IDataView digits = lesson.ML.Generative().Datasets.Digits(lesson.Quick ? 200 : 2_000, seed: 1);
        using var progress = new ConsoleProgress("digits");
        using VaeTransformer model = lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            Epochs = lesson.Quick ? 1 : 10,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(digits);

        var provenance = new ImageProvenance { Model = "digits-vae of module 9", Seed = 4 };
        IReadOnlyList<string> files = model.Generate(8, new() { Seed = 4 })
            .SaveImages(lesson.Output.File("generated", "generated images that say so"), provenance: provenance);

        ImageProvenance read = ImageProvenance.Read(files[0])!;
        Console.WriteLine($"{Path.GetFileName(files[0])}, {new FileInfo(files[0]).Length} bytes:");
        Console.WriteLine($"    source: {read.DigitalSourceType}\n    software: {read.Software}");
        Console.WriteLine($"    model: {read.Model}, seed {read.Seed}");
        return read;
    }
}
