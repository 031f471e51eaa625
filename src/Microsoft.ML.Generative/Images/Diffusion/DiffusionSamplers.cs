using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>The samplers of a model: what <see cref="DiffusionSampler"/> names, with the model's noise schedule and prediction.</summary>
internal static class DiffusionSamplers
{
    /// <summary>The sampler for images that are guided or not.</summary>
    /// <remarks>
    /// What guidance tells of an image is often beyond the range. DDIM with diffusers' defaults cuts it off, but goes on with the noise that was told together with
    /// it: in the next sample what was cut off is there with the other sign, and the class is lost again. So guided images get the noise that belongs to what is
    /// left (Dhariwal, Nichol 2021, do the same).
    /// </remarks>
    public static NoiseScheduler Create(DiffusionDefinition definition, DiffusionSampler sampler, double eta, double guidanceScale)
    {
        NoiseScheduler scheduler = Create(definition, sampler, eta);
        return guidanceScale != 1 && scheduler is DdimScheduler ddim ? ddim.WithNoiseOfClipped() : scheduler;
    }

    /// <param name="definition">The model.</param>
    /// <param name="sampler">Which; the default is the options', or that of the folder that the model was loaded from.</param>
    /// <param name="eta">Of <see cref="DiffusionSampler.Ddim"/>.</param>
    /// <exception cref="ArgumentException">The sampler does not go with the model.</exception>
    public static NoiseScheduler Create(DiffusionDefinition definition, DiffusionSampler sampler, double eta)
    {
        (DiffusionArchitecture architecture, DiffusionDefaults defaults) = (definition.Architecture, definition.Defaults);
        bool isFlow = architecture.Process == DiffusionProcess.FlowMatching;
        if (sampler == DiffusionSampler.Default)
            sampler = defaults.Sampler;
        if (sampler == DiffusionSampler.Default && defaults.Scheduler is { } loaded && eta == 0)
            return NoiseScheduler.FromConfig(loaded);
        if (sampler == DiffusionSampler.Default)
            sampler = isFlow ? DiffusionSampler.FlowMatchEuler : DiffusionSampler.Ddim;
        if (eta > 0 && sampler != DiffusionSampler.Ddim)
            throw new ArgumentException($"{nameof(DiffusionGenerateOptions.Eta)} is {eta}, which is for {DiffusionSampler.Ddim}; the sampler is {sampler}.");
        if (sampler == DiffusionSampler.FlowMatchEuler != isFlow)
            throw new ArgumentException($"The sampler {sampler} does not go with a model of {architecture.Process}.");

        (NoiseScheduleOptions schedule, PredictionType prediction) = (architecture.NoiseSchedule, architecture.Prediction);
        // Where nothing of the image is left at the last timestep, sampling has to begin there (Lin et al. 2023).
        TimestepSpacing whole = schedule.RescaleBetasZeroSnr ? TimestepSpacing.Trailing : TimestepSpacing.Leading;
        TimestepSpacing even = schedule.RescaleBetasZeroSnr ? TimestepSpacing.Trailing : TimestepSpacing.Linspace;
        return sampler switch
        {
            DiffusionSampler.Ddpm => new DdpmScheduler(new DdpmSchedulerOptions
            {
                Schedule = schedule,
                PredictionType = prediction,
                TimestepSpacing = whole,
                VarianceType = architecture.LearnsVariance ? DdpmVarianceType.LearnedRange : DdpmVarianceType.FixedSmall,
            }),
            DiffusionSampler.Ddim => new DdimScheduler(new DdimSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = whole, Eta = eta }),
            DiffusionSampler.Pndm => new PndmScheduler(new PndmSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = whole, SkipPrkSteps = true }),
            DiffusionSampler.Lms => new LmsScheduler(new LmsSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = even }),
            DiffusionSampler.Euler => new EulerScheduler(new EulerSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = even }),
            DiffusionSampler.EulerAncestral => new EulerAncestralScheduler(new EulerAncestralSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = even }),
            DiffusionSampler.Heun => new HeunScheduler(new HeunSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = even }),
            DiffusionSampler.DpmSolver => new DpmSolverMultistepScheduler(new DpmSolverMultistepSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = even }),
            DiffusionSampler.UniPc => new UniPcScheduler(new UniPcSchedulerOptions { Schedule = schedule, PredictionType = prediction, TimestepSpacing = even }),
            _ => new FlowMatchEulerScheduler(new FlowMatchEulerSchedulerOptions { Schedule = schedule }),
        };
    }

    /// <exception cref="ArgumentException">A sampler of the user's own does not go with the model.</exception>
    public static void Check(DiffusionArchitecture architecture, NoiseScheduler scheduler)
    {
        bool isFlow = architecture.Process == DiffusionProcess.FlowMatching;
        string? problem = scheduler is FlowMatchEulerScheduler != isFlow ? $"is for {(isFlow ? DiffusionProcess.Denoising : DiffusionProcess.FlowMatching)}, and the model is of {architecture.Process}"
            : scheduler.TrainTimesteps != architecture.NoiseSchedule.TrainTimesteps ? $"has {scheduler.TrainTimesteps} timesteps; the model has {architecture.NoiseSchedule.TrainTimesteps}"
            : !isFlow && scheduler.PredictionType != architecture.Prediction ? $"expects {scheduler.PredictionType}; the model tells {architecture.Prediction}"
            : scheduler is DdimInverseScheduler ? "goes from images to noise"
            : null;
        if (problem is not null)
            throw new ArgumentException($"The scheduler {scheduler.GetType().Name} {problem}.", nameof(scheduler));
    }
}
