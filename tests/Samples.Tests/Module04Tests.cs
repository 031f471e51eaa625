using Microsoft.ML.Generative.Tests;
using Module04;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, with few images; the tests look at what they computed and wrote.</summary>
public sealed class Module04Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module04Run()
    {
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(_folder.Path)));
        Autoencoder = AutoencoderSection.Run(lesson);
        Latent = LatentSection.Run(lesson);
        Interpolation = InterpolationSection.Run(lesson);
        Kl = KlSection.Run(lesson);
        Conditional = ConditionalSection.Run(lesson);
        Anomaly = AnomalySection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path);
    }

    internal AutoencoderSection.Result Autoencoder { get; }

    internal LatentSection.Result Latent { get; }

    internal InterpolationSection.Result Interpolation { get; }

    internal KlSection.Result Kl { get; }

    internal ConditionalSection.Result Conditional { get; }

    internal AnomalySection.Result Anomaly { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module04Tests(Module04Run run) : IClassFixture<Module04Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(17, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_every_image_and_no_other() => LessonFiles.AreNamed(run.Images, "Module04");

    [Fact]
    public void The_lesson_quotes_the_program_as_it_is() => LessonFiles.QuoteTheProgram("Module04");

    [Fact]
    public void An_image_is_reconstructed_from_sixteen_values()
    {
        Assert.True(run.Autoencoder.Test.NegativeElbo < 0.8 * run.Autoencoder.MeanImageNats);
        Assert.InRange(run.Autoencoder.Test.KlDivergence, 3, 40);
        Assert.InRange(run.Autoencoder.Gap, -5, 30);
    }

    [Fact]
    public void Latent_vectors_contain_the_class_and_longer_ones_contain_more_of_it()
    {
        Assert.InRange(run.Latent.VaeTwo, 0.2, 1);
        Assert.InRange(run.Latent.VaeSixteen, run.Latent.VaeTwo, 1);
        Assert.InRange(run.Latent.PcaSixteen, run.Latent.PcaTwo, 1);
        // The lesson's point, also in a quick run.
        Assert.True(run.Latent.VaeTwo > run.Latent.PcaTwo && run.Latent.VaeSixteen > run.Latent.PcaSixteen);
    }

    [Fact]
    public void Mixed_pixels_are_grayer_than_mixed_latent_vectors() =>
        Assert.True(run.Interpolation.GrayOfLatent < run.Interpolation.GrayOfPixels);

    [Fact]
    public void The_weight_of_the_KL_term_trades_rate_for_distortion_and_one_gives_the_best_bound()
    {
        var (small, one, large) = (run.Kl.Small, run.Kl.One, run.Kl.Large);
        Assert.True(small.KlDivergence > one.KlDivergence && one.KlDivergence > large.KlDivergence);
        Assert.True(small.ReconstructionError < one.ReconstructionError && one.ReconstructionError < large.ReconstructionError);
        Assert.True(one.NegativeElbo < small.NegativeElbo && one.NegativeElbo < large.NegativeElbo);
        Assert.True(one.ActiveUnits >= large.ActiveUnits);
    }

    [Fact]
    public void A_conditional_VAE_generates_the_requested_class_and_keeps_the_class_out_of_the_latent_vector()
    {
        Assert.InRange(run.Conditional.ClassAccuracy, 0.6, 1);
        Assert.True(run.Conditional.ClassInConditional < run.Conditional.ClassInPlain - 0.1);
    }

    [Fact]
    public void An_unknown_class_scores_high_and_the_curve_has_the_area_that_ML_NET_reports()
    {
        Assert.InRange(run.Anomaly.Elbo, 0.7, 1);
        Assert.Equal(run.Anomaly.Elbo, run.Anomaly.RocArea, 1e-4);
        Assert.InRange(run.Anomaly.DetectionRate, 0.05, 1);
    }
}
