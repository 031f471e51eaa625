using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative;

/// <summary>The network of a diffusion model.</summary>
public enum DiffusionNetworkKind
{
    /// <summary>
    /// A U-Net with residual blocks and attention (Ho et al. 2020): the levels of <see cref="DiffusionOptions.BlockChannels"/>. The better
    /// choice for small images and small data.
    /// </summary>
    UNet,

    /// <summary>
    /// A diffusion transformer over patches with adaptive normalization (DiT; Peebles, Xie 2023), with the sizes of
    /// <see cref="DiffusionOptions.DitLayers"/>, <see cref="DiffusionOptions.DitHeads"/> and
    /// <see cref="DiffusionOptions.DitEmbeddingSize"/>. Scales further.
    /// </summary>
    Dit,
}

/// <summary>The process from an image to noise that a diffusion model learns to reverse.</summary>
public enum DiffusionProcess
{
    /// <summary>
    /// Noise is added step by step, with the variances of <see cref="DiffusionOptions.NoiseSchedule"/> (Ho et al. 2020).
    /// </summary>
    Denoising,

    /// <summary>
    /// A straight line from the image to noise, whose direction is learned (flow matching, Lipman et al. 2022; rectified flow, Liu et al.
    /// 2022). Generates well in few steps.
    /// </summary>
    FlowMatching,
}

/// <summary>The weight of each timestep in the loss.</summary>
public enum DiffusionLossWeighting
{
    /// <summary>The same for all (Ho et al. 2020, eq. 14).</summary>
    Simple,

    /// <summary>
    /// The signal-to-noise ratio, at most <see cref="DiffusionOptions.MinSnrGamma"/> (Hang et al. 2023, section 3.4): learns faster.
    /// </summary>
    MinSnr,
}

/// <summary>How a U-Net is conditioned on the class.</summary>
public enum DiffusionLabelConditioning
{
    /// <summary>By an embedding that is added to that of the time.</summary>
    Embedding,

    /// <summary>By that, and by cross-attention to further embeddings.</summary>
    CrossAttention,
}

/// <summary>A sampler, by which an image is generated from noise; each is a <see cref="NoiseScheduler"/>.</summary>
public enum DiffusionSampler
{
    /// <summary>
    /// <see cref="DdimScheduler"/>; for flow matching <see cref="FlowMatchEulerScheduler"/>; for a pretrained model the sampler of its
    /// folder.
    /// </summary>
    Default,

    /// <summary><see cref="DdpmScheduler"/>: the reverse process step by step, with noise. Best with all timesteps.</summary>
    Ddpm,

    /// <summary>
    /// <see cref="DdimScheduler"/>: no noise unless <see cref="DiffusionGenerateOptions.Eta"/> is above 0; good from 50 steps. Guided
    /// images are generated with <see cref="DdimSchedulerOptions.UseClippedModelOutput"/>.
    /// </summary>
    Ddim,

    /// <summary><see cref="PndmScheduler"/>.</summary>
    Pndm,

    /// <summary><see cref="LmsScheduler"/>.</summary>
    Lms,

    /// <summary><see cref="EulerScheduler"/>.</summary>
    Euler,

    /// <summary><see cref="EulerAncestralScheduler"/>.</summary>
    EulerAncestral,

    /// <summary><see cref="HeunScheduler"/>: two predictions per step.</summary>
    Heun,

    /// <summary><see cref="DpmSolverMultistepScheduler"/>, DPM-Solver++ of order 2: good from 20 steps.</summary>
    DpmSolver,

    /// <summary><see cref="UniPcScheduler"/>: good from 10 steps.</summary>
    UniPc,

    /// <summary>
    /// <see cref="FlowMatchEulerScheduler"/>, for models of <see cref="DiffusionProcess.FlowMatching"/>, and only these.
    /// </summary>
    FlowMatchEuler,
}
