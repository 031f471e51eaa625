using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion.Sampling;

/// <summary>The samplers of a model: those of <see cref="SchedulerKinds"/> with the model's noise schedule and prediction.</summary>
internal static class DiffusionSamplers
{
    /// <summary>Creates the sampler of images that are guided or not.</summary>
    /// <remarks>
    /// A guided prediction of an image is often beyond the range. DDIM with diffusers' defaults clips it, but continues with the noise
    /// that was predicted together with it: in the next sample the clipped part is back with the other sign, and the class is lost again.
    /// So guided images get the noise that belongs to the clipped image (Dhariwal, Nichol 2021, do the same).
    /// </remarks>
    public static NoiseScheduler Create(DiffusionDefinition definition, DiffusionSampler sampler, double eta, double guidanceScale)
    {
        NoiseScheduler scheduler = Create(definition, sampler, eta);
        return guidanceScale != 1 && scheduler is DdimScheduler ddim ? ddim.WithNoiseOfClipped() : scheduler;
    }

    /// <param name="definition">The model.</param>
    /// <param name="sampler">The sampler; the default is the model's, or that of the folder that the model was loaded from.</param>
    /// <param name="eta">Of <see cref="DiffusionSampler.Ddim"/>.</param>
    /// <exception cref="ArgumentException">The sampler cannot be used with the model.</exception>
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
            throw new ArgumentException(
                $"{nameof(DiffusionGenerateOptions.Eta)} is {eta}, which is for {DiffusionSampler.Ddim}; the sampler is {sampler}.");
        if (sampler == DiffusionSampler.FlowMatchEuler != isFlow)
        {
            throw new ArgumentException(
                $"The sampler {sampler} cannot be used with a model of {architecture.Process}; expected "
                + $"{(isFlow ? "" : "another than ")}{DiffusionSampler.FlowMatchEuler}.");
        }

        return SchedulerKinds.Of(sampler).CreateFor(architecture, eta);
    }

    /// <exception cref="ArgumentException">A sampler of the user's own cannot be used with the model.</exception>
    public static void Check(DiffusionArchitecture architecture, NoiseScheduler scheduler)
    {
        bool isFlow = architecture.Process == DiffusionProcess.FlowMatching;
        int timesteps = architecture.NoiseSchedule.TrainTimesteps;
        DiffusionProcess other = isFlow ? DiffusionProcess.Denoising : DiffusionProcess.FlowMatching;
        string? problem = scheduler is FlowMatchEulerScheduler != isFlow
            ? $"is for {other}, and the model is of {architecture.Process}"
            : scheduler.TrainTimesteps != timesteps ? $"has {scheduler.TrainTimesteps} timesteps; the model has {timesteps}"
            : !isFlow && scheduler.PredictionType != architecture.Prediction
            ? $"expects {scheduler.PredictionType}; the model predicts {architecture.Prediction}"
            : scheduler is DdimInverseScheduler ? "goes from images to noise"
            : null;
        if (problem is not null)
            throw new ArgumentException($"The scheduler {scheduler.GetType().Name} {problem}.", nameof(scheduler));
    }
}
