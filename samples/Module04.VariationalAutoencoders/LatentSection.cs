using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Transforms;
using Samples.Shared;

namespace Module04;

/// <summary>The latent space as a map of the data: its manifold, the places of the classes, and PCA beside it.</summary>
internal static class LatentSection
{
    public sealed record Result(double PcaTwo, double VaeTwo, double PcaSixteen, double VaeSixteen, double Pixels);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. The latent space: dimensionality reduction");
        using VaeTransformer plane = Train(lesson);
        const int side = 20;
        lesson.SaveImages(
            "latent-manifold.png", "images across a latent plane",
            Lesson.Images(plane.LatentGrid(side, side)), side, padding: 0);

        var pca = Pca(lesson, 2);
        Chart.SavePanels(lesson.Output.File("latent-scatter.png", "test images in a plane: PCA and VAE"),
        [
            new Chart("PCA: two components", "component 0", "component 1").Classes(Points(lesson, pca), lesson.ClassNames),
            new Chart("VAE: two latent dimensions", "latent dimension 0", "latent dimension 1")
                .Classes(Points(lesson, plane), lesson.ClassNames),
        ]);

        var result = new Result(
            lesson.ClassFromLatent(pca), lesson.ClassFromLatent(plane), lesson.ClassFromLatent(Pca(lesson, 16)),
            lesson.ClassFromLatent(lesson.Plain),
            new Neighbors(lesson.KnownImages.Images, lesson.KnownImages.Labels).Accuracy(
                lesson.TestImages.Images, lesson.TestImages.Labels));
        Console.WriteLine($"Accuracy of the 5 nearest of {lesson.KnownImages.Count:N0} training images: PCA {result.PcaTwo:P1} and VAE "
            + $"{result.VaeTwo:P1} with 2 values, PCA {result.PcaSixteen:P1} and VAE {result.VaeSixteen:P1} with 16, "
            + $"{result.Pixels:P1} with all {Lesson.Pixels} pixels.");
        return result;
    }

    private static VaeTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("VAE, 2 latent dimensions");
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 2,
            Epochs = lesson.Epochs,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }

    // ML.NET's own linear reduction.
    private static TransformerChain<PrincipalComponentAnalysisTransformer> Pca(Lesson lesson, int rank) =>
        lesson.ML.Transforms.Conversion.ConvertType("Pixels", "Image", DataKind.Single)
            .Append(lesson.ML.Transforms.ProjectToPrincipalComponents("Latent", "Pixels", rank: rank, overSampling: 20, seed: 1))
            .Fit(lesson.Train);

    private static (float, float, int)[] Points(Lesson lesson, ITransformer model) =>
        [.. Lesson.Images(model.Transform(lesson.Test), "Latent").Zip(lesson.TestImages.Labels, (z, label) => (z[0], z[1], label))];
}
