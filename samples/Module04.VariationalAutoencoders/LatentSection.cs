using Microsoft.ML;
using Microsoft.ML.Data;
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
            "latent-manifold.png", "pictures across a latent plane",
            Lesson.Pictures(lesson.Plane.LatentGrid(side, side)), columns: side, padding: 0);

        var pca2 = Pca(lesson, 2);
        Chart.SavePanels(lesson.Output.File("latent-scatter.png", "test pictures in a plane: PCA and VAE"),
        [
            new Chart("PCA: two components", "component 1", "component 2").Classes(Points(lesson, pca2.Test), lesson.ClassNames),
            new Chart("VAE: two latent dimensions", "latent dimension 0", "latent dimension 1").Classes(Points(lesson, Latents(lesson.Plane.Transform(lesson.Test))), lesson.ClassNames),
        ]);

        var result = new Result(
            Accuracy(lesson, pca2), Accuracy(lesson, (Latents(lesson.Plane.Transform(lesson.Train)), Latents(lesson.Plane.Transform(lesson.Test)))),
            Accuracy(lesson, Pca(lesson, 16)), Accuracy(lesson, (Latents(lesson.Plain.Transform(lesson.Train)), Latents(lesson.Plain.Transform(lesson.Test)))),
            Accuracy(lesson, (lesson.TrainPictures.Images, lesson.TestPictures.Images)));
        Console.WriteLine($"The class of most of the 5 nearest of {lesson.TrainPictures.Count:N0} known pictures is right for: PCA {result.PcaTwo:P1} and VAE {result.VaeTwo:P1} with 2 numbers, PCA {result.PcaSixteen:P1} and VAE {result.VaeSixteen:P1} with 16, {result.Pixels:P1} with all {Lesson.Pixels} pixels.");
        return result;
    }

    private static (float[][] Train, float[][] Test) Pca(Lesson lesson, int rank)
    {
        var pca = lesson.ML.Transforms.Conversion.ConvertType("Features", "Image", DataKind.Single)
            .Append(lesson.ML.Transforms.ProjectToPrincipalComponents("Latent", "Features", rank: rank, overSampling: 20, seed: 1))
            .Fit(lesson.Train);
        return (Latents(pca.Transform(lesson.Train)), Latents(pca.Transform(lesson.Test)));
    }

    private static float[][] Latents(IDataView data) => [.. data.GetColumn<float[]>("Latent")];

    private static double Accuracy(Lesson lesson, (float[][] Train, float[][] Test) coordinates)
    {
        var known = lesson.TrainPictures.Labels;
        return new Neighbours(coordinates.Train[..known.Length], known).Accuracy(coordinates.Test, lesson.TestPictures.Labels);
    }

    private static (float, float, int)[] Points(Lesson lesson, float[][] coordinates) =>
        [.. coordinates.Zip(lesson.TestPictures.Labels, (z, label) => (z[0], z[1], label))];
}
