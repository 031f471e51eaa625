using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative;

/// <summary>Options of generation with a trained diffusion model.</summary>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", labelColumnName: "Label").Fit(data);
/// var options = new DiffusionGenerateOptions { Seed = 7, Label = 3, GuidanceScale = 3, Sampler = DiffusionSampler.UniPc, Steps = 10 };
/// IDataView threes = model.Generate(16, options);
/// </code>
/// </example>
public sealed class DiffusionGenerateOptions
{
    internal const double MostGuidance = 1000;

    /// <summary>The same seed generates the same images. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>
    /// The class of all images, from 0 (a key column's values count from 1: the first is 0 here); for models with labels. Default: none,
    /// for models that were trained with <see cref="DiffusionOptions.LabelDropout"/>.
    /// </summary>
    public int? Label { get; set; }

    /// <summary>The class of each image, in place of <see cref="Label"/>. Default: none.</summary>
    public IReadOnlyList<int>? Labels { get; set; }

    /// <summary>
    /// The name of the class of all images, one of <see cref="DiffusionTransformer.ClassNames"/>, in place of <see cref="Label"/>. Default:
    /// none.
    /// </summary>
    public string? LabelName { get; set; }

    /// <summary>The name of the class of each image, in place of <see cref="Label"/>. Default: none.</summary>
    public IReadOnlyList<string>? LabelNames { get; set; }

    /// <summary>
    /// Scale of classifier-free guidance (Ho, Salimans 2022), 0 to 1,000: 1 is none, more fits the class more clearly and varies less.
    /// Costs a second pass through the network. Default: 1.
    /// </summary>
    public double GuidanceScale { get; set; } = 1;

    /// <summary>
    /// How far the contrast of guided images is rescaled to that of unguided ones, 0 to 1 (Lin et al. 2023, section 3.4). Default: 0.
    /// </summary>
    public double GuidanceRescale { get; set; }

    /// <summary>Steps of the sampler, at least 1. Default: <see cref="DiffusionOptions.Steps"/>.</summary>
    public int? Steps { get; set; }

    /// <summary>The sampler. Default: that of the model, <see cref="DiffusionOptions.Sampler"/>.</summary>
    public DiffusionSampler Sampler { get; set; }

    /// <summary>
    /// A sampler with its own options, in place of <see cref="Sampler"/>; with the model's timesteps and prediction. A copy of it is used.
    /// Default: none.
    /// </summary>
    public NoiseScheduler? Scheduler { get; set; }

    /// <summary>
    /// η: how much noise the steps of <see cref="DiffusionSampler.Ddim"/> add, 0 to 1 (Song et al. 2020, eq. 16). Default: 0.
    /// </summary>
    public double Eta { get; set; }

    /// <summary>
    /// The low-resolution image, values in 0..1, plane by plane; for models with <see cref="DiffusionOptions.LowResolutionColumnName"/>,
    /// which need it. Default: none.
    /// </summary>
    public float[]? LowResolution { get; set; }

    /// <summary>
    /// The number of images that are generated at once, at least 1. The images do not depend on it, up to rounding. Default:
    /// <see cref="DiffusionOptions.TransformBatchSize"/>.
    /// </summary>
    public int? BatchSize { get; set; }

    /// <summary>Receives a report after each step, on the thread that generates. Default: none.</summary>
    public IProgress<DiffusionProgress>? Progress { get; set; }

    /// <summary>Steps between reports with a <see cref="DiffusionProgress.Preview"/>, at least 1. Default: none have one.</summary>
    public int? PreviewInterval { get; set; }

    /// <summary>Stops the generation within a step.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal ConditionRequest Conditions => new(Label, Labels, LowResolution) { LabelName = LabelName, LabelNames = LabelNames };

    internal void Validate()
    {
        OptionChecks.Between(GuidanceScale, 0, MostGuidance);
        OptionChecks.Between(GuidanceRescale, 0, 1);
        OptionChecks.AtLeast(Steps, 1);
        OptionChecks.Defined(Sampler);
        OptionChecks.Between(Eta, 0, 1);
        OptionChecks.AtLeast(BatchSize, 1);
        OptionChecks.AtLeast(PreviewInterval, 1);
        if (Scheduler is not null && Sampler != DiffusionSampler.Default)
            throw new ArgumentException(
                $"{nameof(Sampler)} and {nameof(Scheduler)} are both given; expected one of them.", nameof(Scheduler));
        if (Eta > 0 && Scheduler is not null)
            throw new ArgumentException($"{nameof(Eta)} is {Eta}, and {nameof(Scheduler)} has its own.", nameof(Eta));
    }
}
