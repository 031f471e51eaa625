namespace Microsoft.ML.Generative;

/// <summary>The networks of a generative adversarial network.</summary>
public enum GanNetworkKind
{
    /// <summary>Convolutions that halve and double images (Radford, Metz, Chintala 2015).</summary>
    Dcgan,

    /// <summary>
    /// Residual blocks that halve and double images (Miyato et al. 2018, appendix B.4): slower, and better on images with much detail.
    /// </summary>
    Residual,

    /// <summary>Fully connected layers, for rows that are no images, or small ones.</summary>
    Mlp,
}

/// <summary>The objectives of discriminator and generator; D is the discriminator's output, a logit.</summary>
public enum GanObjective
{
    /// <summary>
    /// The original objective with the non-saturating loss of the generator (Goodfellow et al. 2014, section 3): the discriminator
    /// minimizes −log σ(D(x)) − log(1 − σ(D(G(z)))), the generator −log σ(D(G(z))).
    /// </summary>
    NonSaturating,

    /// <summary>Least squares: ½ (D(x) − 1)² + ½ D(G(z))² against ½ (D(G(z)) − 1)² (Mao et al. 2016, eq. 9).</summary>
    LeastSquares,

    /// <summary>Hinge loss: max(0, 1 − D(x)) + max(0, 1 + D(G(z))) against −D(G(z)) (Lim, Ye 2017; Miyato et al. 2018, eq. 16).</summary>
    Hinge,

    /// <summary>
    /// D(G(z)) − D(x) against −D(G(z)), the discriminator's weights kept within ±<see cref="GanOptions.WeightClip"/> (Arjovsky et al.
    /// 2017).
    /// </summary>
    Wasserstein,

    /// <summary>
    /// As <see cref="Wasserstein"/>, but with a penalty on the discriminator's gradient in place of the bounds (Gulrajani et al. 2017, eq.
    /// 3).
    /// </summary>
    WassersteinGradientPenalty,
}

/// <summary>Normalization of the discriminator's layers.</summary>
public enum GanNormalization
{
    /// <summary>None.</summary>
    None,

    /// <summary>Weights divided by their largest singular value (Miyato et al. 2018).</summary>
    Spectral,

    /// <summary>
    /// Batch normalization (Radford et al. 2015). Not with gradient penalties, since a row's output then depends on the others.
    /// </summary>
    Batch,
}

/// <summary>How the generator is conditioned on the class.</summary>
public enum GanGeneratorConditioning
{
    /// <summary>An embedding of the class is concatenated to z (Mirza, Osindero 2014).</summary>
    Concatenation,

    /// <summary>
    /// Conditional batch normalization: gains and biases are linear in an embedding of the class (de Vries et al. 2017; Brock et al. 2018,
    /// appendix B).
    /// </summary>
    BatchNormalization,
}

/// <summary>How the discriminator is conditioned on the class.</summary>
public enum GanLabelConditioning
{
    /// <summary>
    /// The inner product of an embedding of the class with the image's features is added to its output (Miyato, Koyama 2018).
    /// </summary>
    Projection,

    /// <summary>An embedding of the class is concatenated to the input, as a further channel of images (Mirza, Osindero 2014).</summary>
    Concatenation,
}

/// <summary>Differentiable augmentations of all images that the discriminator sees, real and generated alike (Zhao et al. 2020).</summary>
[Flags]
public enum GanAugmentations
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Brightness, saturation (of images with several channels) and contrast.</summary>
    Color = 1,

    /// <summary>Shifts by up to an eighth of height and width; zeros come in.</summary>
    Translation = 2,

    /// <summary>A rectangle of half of height and width is set to zero.</summary>
    Cutout = 4,
}
