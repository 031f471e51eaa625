namespace Microsoft.ML.Generative;

/// <summary>The samplers of a model: what <see cref="DiffusionSampler"/> names, with the model's noise schedule and prediction.</summary>
internal static class DiffusionSamplers
{
    public static NoiseScheduler Create(DiffusionConfig config, DiffusionSampler sampler, double eta)
    {
        _ = sampler;
        return config.Options.Process == DiffusionProcess.FlowMatching ? new FlowMatchEulerScheduler() : new DdimScheduler(new DdimSchedulerOptions { Schedule = config.Options.NoiseSchedule, PredictionType = config.Options.Prediction, Eta = eta });
    }

    public static void Check(DiffusionConfig config, NoiseScheduler scheduler) { }
}
