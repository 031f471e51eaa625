using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>The table of all samplers: a new one is a line here and a name in <see cref="DiffusionSampler"/>.</summary>
internal static class SchedulerKinds
{
    private static readonly (string Key, JsonNode? Value) _noBetaSigmas = ("use_beta_sigmas", false);

    private static readonly (string Key, JsonNode? Value)[] _ofFlows =
        [("use_flow_sigmas", false), ("flow_shift", null), ("use_dynamic_shifting", false), ("time_shift_type", null)];

    public static IReadOnlyList<SchedulerKind> All { get; } =
    [
        SchedulerKind.Of<DdpmSchedulerOptions>(
            DiffusionSampler.Ddpm, "DDPMScheduler", options => new DdpmScheduler(options),
            (options, model, _) => model.LearnsVariance ? options with { VarianceType = DdpmVarianceType.LearnedRange } : options),
        SchedulerKind.Of<DdimSchedulerOptions>(
            DiffusionSampler.Ddim, "DDIMScheduler", options => new DdimScheduler(options),
            (options, _, eta) => options with { Eta = eta }),
        SchedulerKind.Of<DdimInverseSchedulerOptions>(null, "DDIMInverseScheduler", options => new DdimInverseScheduler(options)),
        SchedulerKind.Of<PndmSchedulerOptions>(
            DiffusionSampler.Pndm, "PNDMScheduler", options => new PndmScheduler(options),
            (options, _, _) => options with { SkipPrkSteps = true }),
        SchedulerKind.Of<LmsSchedulerOptions>(
            DiffusionSampler.Lms, "LMSDiscreteScheduler", options => new LmsScheduler(options),
            fixedMembers: [_noBetaSigmas]),
        SchedulerKind.Of<EulerSchedulerOptions>(
            DiffusionSampler.Euler, "EulerDiscreteScheduler", options => new EulerScheduler(options),
            fixedMembers: [_noBetaSigmas, ("interpolation_type", "linear"), ("timestep_type", "discrete")]),
        SchedulerKind.Of<EulerAncestralSchedulerOptions>(
            DiffusionSampler.EulerAncestral, "EulerAncestralDiscreteScheduler", options => new EulerAncestralScheduler(options)),
        SchedulerKind.Of<HeunSchedulerOptions>(
            DiffusionSampler.Heun, "HeunDiscreteScheduler", options => new HeunScheduler(options),
            fixedMembers: [_noBetaSigmas]),
        SchedulerKind.Of<DpmSolverMultistepSchedulerOptions>(
            DiffusionSampler.DpmSolver, "DPMSolverMultistepScheduler", options => new DpmSolverMultistepScheduler(options),
            fixedMembers: [_noBetaSigmas, .. _ofFlows]),
        SchedulerKind.Of<UniPcSchedulerOptions>(
            DiffusionSampler.UniPc, "UniPCMultistepScheduler", options => new UniPcScheduler(options),
            fixedMembers:
            [
                _noBetaSigmas, .. _ofFlows, ("solver_p", null), ("sigma_min", null), ("sigma_max", null), ("shift_terminal", null),
            ]),
        SchedulerKind.Of<FlowMatchEulerSchedulerOptions>(
            DiffusionSampler.FlowMatchEuler, "FlowMatchEulerDiscreteScheduler", options => new FlowMatchEulerScheduler(options),
            fixedMembers:
            [
                _noBetaSigmas, ("use_dynamic_shifting", false), ("invert_sigmas", false), ("base_shift", null), ("max_shift", null),
                ("base_image_seq_len", null), ("max_image_seq_len", null), ("time_shift_type", null),
            ]),
    ];

    /// <summary>The sampler that options name.</summary>
    public static SchedulerKind Of(DiffusionSampler sampler) => All.First(kind => kind.Sampler == sampler);

    /// <summary>The sampler that has such options.</summary>
    public static SchedulerKind Of(NoiseSchedulerOptions options) => All.First(kind => kind.Default.GetType() == options.GetType());

    /// <summary>The sampler that diffusers calls so, or <see langword="null"/>.</summary>
    public static SchedulerKind? Find(string className) => All.FirstOrDefault(kind => kind.ClassName == className);
}
