using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module03;

/// <summary>The images, and the models that <see cref="PcaSection"/> trains.</summary>
internal sealed class Lesson(SampleArguments arguments)
    : ImageLesson(arguments, trainCount: arguments.Quick ? 4_000 : 20_000, testCount: arguments.Quick ? 1_000 : 2_000, "mnist")
{
    private Pca? _pca;
    private VaeTransformer? _vae2;
    private VaeTransformer? _vae16;

    /// <summary>The principal components of the training images.</summary>
    public Pca Pca
    {
        get => _pca ?? throw new InvalidOperationException("The principal components are not computed yet.");
        set => _pca = value;
    }

    /// <summary>A VAE with 2 latent dimensions.</summary>
    public VaeTransformer Vae2
    {
        get => _vae2 ?? throw new InvalidOperationException("The VAE with 2 latent dimensions is not trained yet.");
        set => _vae2 = Keep(value);
    }

    /// <summary>A VAE with 16 latent dimensions.</summary>
    public VaeTransformer Vae16
    {
        get => _vae16 ?? throw new InvalidOperationException("The VAE with 16 latent dimensions is not trained yet.");
        set => _vae16 = Keep(value);
    }
}
