using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>A sampler of this library: its names, and how it is created.</summary>
/// <param name="Sampler">Its name in options; <see langword="null"/> for one that is not for generation.</param>
/// <param name="ClassName">Its class in diffusers.</param>
/// <param name="Default">Its options with diffusers' defaults.</param>
/// <param name="Create">Creates it with options.</param>
/// <param name="Adapt">Sets the options that follow from a model, beside noise schedule, prediction and spacing, and from η.</param>
/// <param name="FixedMembers">Members of diffusers' configuration that are supported with one value only.</param>
internal sealed record SchedulerKind(
    DiffusionSampler? Sampler,
    string ClassName,
    NoiseSchedulerOptions Default,
    Func<NoiseSchedulerOptions, NoiseScheduler> Create,
    Func<NoiseSchedulerOptions, DiffusionArchitecture, double, NoiseSchedulerOptions> Adapt,
    (string Key, JsonNode? Value)[] FixedMembers)
{
    // Flow matching has no variances, and its own names for the rest.
    private static readonly string[] _ofVariances = ["prediction_type", "timestep_spacing", "steps_offset"];

    private readonly HashSet<string> _members =
        [.. ((JsonObject)JsonSerializer.SerializeToNode(Default, Default.GetType(), SchedulerConfig.Json)!).Select(member => member.Key)];

    /// <summary>Whether the process has variances β; flow matching has none.</summary>
    public bool HasBetas => Sampler != DiffusionSampler.FlowMatchEuler;

    /// <summary>Whether diffusers' class has <see cref="NoiseScheduleKind.Sigmoid"/>.</summary>
    public bool HasLogisticSchedule => Sampler == DiffusionSampler.Ddpm;

    public static SchedulerKind Of<TOptions>(
        DiffusionSampler? sampler,
        string className,
        Func<TOptions, NoiseScheduler> create,
        Func<TOptions, DiffusionArchitecture, double, TOptions>? adapt = null,
        params (string Key, JsonNode? Value)[] fixedMembers)
        where TOptions : NoiseSchedulerOptions, new() => new(
            sampler, className, new TOptions(), options => create((TOptions)options),
            (options, model, eta) => adapt is null ? options : adapt((TOptions)options, model, eta), fixedMembers);

    /// <summary>Whether diffusers' configuration has a member of this name that is an option here.</summary>
    public bool HasMember(string name) => _members.Contains(name) && (HasBetas || !_ofVariances.Contains(name));

    /// <summary>Creates the sampler for a model.</summary>
    public NoiseScheduler CreateFor(DiffusionArchitecture model, double eta) =>
        Create(Adapt(OptionsFor(model.NoiseSchedule, model.Prediction), model, eta));

    /// <exception cref="ArgumentException">The sampler cannot be used with such a process; the message says why.</exception>
    public void Check(NoiseScheduleOptions schedule, PredictionType prediction)
    {
        try
        {
            OptionsFor(schedule, prediction).Validate();
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"The {nameof(DiffusionOptions.Sampler)} {Sampler} cannot be used: {e.Message}", e);
        }
    }

    private NoiseSchedulerOptions OptionsFor(NoiseScheduleOptions schedule, PredictionType prediction)
    {
        NoiseSchedulerOptions options = Default with { Schedule = schedule };
        if (HasBetas)
            options = options with { PredictionType = prediction };
        // Where nothing of the image is left at the last timestep, sampling has to begin there (Lin et al. 2023).
        return HasBetas && schedule.RescaleBetasZeroSnr ? options with { TimestepSpacing = TimestepSpacing.Trailing } : options;
    }
}
