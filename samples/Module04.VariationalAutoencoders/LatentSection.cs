using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using Samples.Shared;

namespace Module04;

/// <summary>The latent space as a map of the data: its manifold, where the classes lie, and PCA beside it.</summary>
internal static class LatentSection
{
    public sealed record Result(double PcaTwo, double VaeTwo, double PcaSixteen, double VaeSixteen, double Pixels);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. The latent space: dimensionality reduction");
        const int side = 20;
        lesson.Draw(
            "latent-manifold.png", "images across a latent plane",
            Lesson.Column(lesson.Plane.LatentGrid(side, side)), columns: side, padding: 0);

        var pca = Pca(lesson, 2);
        Chart.SavePanels(lesson.Output.File("latent-scatter.png", "test images in a plane: PCA and VAE"),
        [
            new Chart("PCA: two components", "component 0", "component 1").Classes(Points(lesson, pca), lesson.ClassNames),
            new Chart("VAE: two latent dimensions", "latent dimension 0", "latent dimension 1").Classes(Points(lesson, lesson.Plane), lesson.ClassNames),
        ]);

        var result = new Result(
            lesson.ClassFromLatent(pca), lesson.ClassFromLatent(lesson.Plane), lesson.ClassFromLatent(Pca(lesson, 16)), lesson.ClassFromLatent(lesson.Plain),
            new Neighbors(lesson.TrainImages.Images, lesson.TrainImages.Labels).Accuracy(lesson.TestImages.Images, lesson.TestImages.Labels));
        Console.WriteLine($"The class of most of the 5 nearest of {lesson.TrainImages.Count:N0} known images is right for: PCA {result.PcaTwo:P1} and VAE {result.VaeTwo:P1} with 2 numbers, PCA {result.PcaSixteen:P1} and VAE {result.VaeSixteen:P1} with 16, {result.Pixels:P1} with all {Lesson.Pixels} pixels.");
        return result;
    }

    // ML.NET's own linear way to a few numbers.
    private static TransformerChain<PrincipalComponentAnalysisTransformer> Pca(Lesson lesson, int rank) => lesson.ML.Transforms.Conversion.ConvertType("Pixels", "Image", DataKind.Single)
        .Append(lesson.ML.Transforms.ProjectToPrincipalComponents("Latent", "Pixels", rank: rank, overSampling: 20, seed: 1))
        .Fit(lesson.Train);

    private static (float, float, int)[] Points(Lesson lesson, ITransformer map) =>
        [.. Lesson.Column(map.Transform(lesson.Test), "Latent").Zip(lesson.TestImages.Labels, (z, label) => (z[0], z[1], label))];
}
