using Microsoft.ML.Generative.Tests;
using Module03;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, with few images; the tests look at what they computed and wrote.</summary>
public sealed class Module03Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module03Run()
    {
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(_folder.Path)));
        Bayes = BayesSection.Run(lesson);
        Matrices = MatrixSection.Run(lesson);
        Pca = PcaSection.Run(lesson);
        Gradients = GradientSection.Run(lesson);
        Information = InformationSection.Run(lesson);
        Transformations = TransformationSection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path);
    }

    internal BayesSection.Result Bayes { get; }

    internal MatrixSection.Result Matrices { get; }

    internal PcaSection.Result Pca { get; }

    internal GradientSection.Result Gradients { get; }

    internal InformationSection.Result Information { get; }

    internal TransformationSection.Result Transformations { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module03Tests(Module03Run run) : IClassFixture<Module03Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(23, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_every_image_and_no_other() => LessonFiles.AreNamed(run.Images, "Module03");

    [Fact]
    public void The_lesson_quotes_the_program_as_it_is() => LessonFiles.QuoteTheProgram("Module03");

    [Fact]
    public void Bayes_theorem_gives_the_textbook_value_and_the_simulation_agrees()
    {
        // 0.9·0.01/(0.9·0.01 + 0.05·0.99)
        Assert.Equal(0.153846, run.Bayes.Posterior, 6);
        // About 11,700 of 200,000 are positive: a standard deviation of 0.0033.
        Assert.Equal(run.Bayes.Posterior, run.Bayes.SimulatedPosterior, 0.012);
        Assert.InRange(run.Bayes.Accuracy, 0.8, 0.95);
        Assert.True(run.Bayes.MeanConfidence > run.Bayes.Accuracy);
    }

    [Fact]
    public void A_layer_is_the_same_by_loops_by_MathNet_and_by_libtorch()
    {
        Assert.InRange(run.Matrices.LayerDifference, 0, 1e-12);
        Assert.InRange(run.Matrices.MeanAccuracy, 0.7, 1);
    }

    [Fact]
    public void Eigenvectors_are_eigenvectors_and_a_latent_plane_has_more_information_than_the_first_two()
    {
        Assert.InRange(run.Pca.EigenError, 0, 1e-10);
        Assert.InRange(run.Pca.VarianceOfTwo, 0.05, 0.5);
        Assert.True(run.Pca.VaeError2 < run.Pca.PcaError2);
        Assert.True(run.Pca.VaeBits > run.Pca.PcaBits);
        Assert.InRange(run.Pca.VaeNeighbors, 0.2, 1);
    }

    [Fact]
    public void Gradients_agree_and_finite_differences_are_best_where_theory_says()
    {
        Assert.InRange(run.Gradients.AutogradError, 0, 1e-14);
        // The square and the cube root of 2⁻⁵², within two powers of ten.
        Assert.InRange(run.Gradients.BestForwardStep, 1.5e-10, 1.5e-6);
        Assert.InRange(run.Gradients.BestCentralStep, 6e-8, 6e-4);
        Assert.InRange(run.Gradients.BestCentralError, 0, 1e-7);
    }

    [Fact]
    public void Divergences_fit_by_moments_one_way_and_to_a_peak_the_other()
    {
        // p = 0.6·N(−2, 0.7²) + 0.4·N(2.5, 0.9²): mean −0.2, variance 0.6·(0.49 + 4) + 0.4·(0.81 + 6.25) − 0.04.
        Assert.Equal(-0.2, run.Information.Forward.Mean, 0.02);
        Assert.Equal(Math.Sqrt(5.478), run.Information.Forward.StandardDeviation, 0.02);
        Assert.Equal(-2, run.Information.Reverse.Mean, 0.05);
        Assert.Equal(0.7, run.Information.Reverse.StandardDeviation, 0.05);
        Assert.True(run.Information.Reverse.Reverse < run.Information.Forward.Reverse);
        Assert.True(run.Information.Forward.Forward < run.Information.Reverse.Forward);
        Assert.Equal(run.Information.NeighborTruth, run.Information.NeighborEstimate, 0.08);
        Assert.InRange(run.Information.BestPixelBits, 0.1, 1);
    }

    [Fact]
    public void The_decoder_bends_space() => Assert.True(run.Transformations.SheetCurvature > 1.05);
}
