using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>The images, the VAE that most sections use, and how much a latent vector contains of the class.</summary>
internal sealed class Lesson : ImageLesson
{
    private VaeTransformer? _plain;

    public Lesson(SampleArguments arguments)
        : base(
            arguments, trainCount: arguments.Quick ? 10_000 : 20_000, testCount: arguments.Quick ? 1_000 : 2_000, "mnist", "fashion-mnist")
    {
        KnownImages = LabeledImages.Read(Train, 4_000);
    }

    /// <summary>The first training images, for nearest neighbors.</summary>
    public LabeledImages KnownImages { get; }

    /// <summary>How often a training goes through the images.</summary>
    public int Epochs => Quick ? 12 : 15;

    /// <summary>The VAE with 16 latent dimensions that <see cref="AutoencoderSection"/> trains.</summary>
    public VaeTransformer Plain
    {
        get => _plain ?? throw new InvalidOperationException("The VAE with 16 latent dimensions is not trained yet.");
        set => _plain = Keep(value);
    }

    /// <summary>
    /// The share of test images that get their class from the nearest training images, by the column Latent of a transformer.
    /// </summary>
    public double ClassFromLatent(ITransformer model) =>
        new Neighbors(Images(model.Transform(Train), "Latent", KnownImages.Count), KnownImages.Labels)
            .Accuracy(Images(model.Transform(Test), "Latent"), TestImages.Labels);
}
