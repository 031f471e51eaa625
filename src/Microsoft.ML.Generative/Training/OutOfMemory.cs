using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>Says which options help where a step does not fit the memory.</summary>
internal static class OutOfMemory
{
    private static readonly string[] _texts = ["out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED"];

    /// <summary>Whether libtorch has failed for want of memory.</summary>
    public static bool Is(Exception error) =>
        error is ExternalException && _texts.Any(t => error.Message.Contains(t, StringComparison.OrdinalIgnoreCase));

    /// <summary>The error in terms of the options.</summary>
    /// <param name="error">libtorch's.</param>
    /// <param name="options">The options of the training.</param>
    /// <param name="device">Where it ran.</param>
    /// <param name="step">The step that did not fit.</param>
    public static InvalidOperationException Explain(Exception error, TrainingOptions options, torch.Device device, long step)
    {
        var help = new List<string>();
        if (options.BatchSize > 1)
        {
            help.Add(
                $"lower {nameof(TrainingOptions.BatchSize)} ({options.BatchSize}) and raise "
                + $"{nameof(TrainingOptions.GradientAccumulationSteps)} ({options.GradientAccumulationSteps}) as many times");
        }

        help.AddRange(options.MemoryOptions.Select(option => $"set {option}"));
        if (device.type == DeviceType.CUDA && options.Precision == ComputePrecision.Float32)
            help.Add($"set {nameof(TrainingOptions.Precision)} to {nameof(ComputePrecision.BFloat16)}");
        if (options.SizeOptions.Count > 0)
            help.Add($"lower {string.Join(" or ", options.SizeOptions)}");
        string reason = error.Message.Split('\n')[0].Trim().TrimEnd('.');
        return new InvalidOperationException(
            $"Step {step} does not fit the memory of {device} ({reason}). To need less, {string.Join(", or ", help)}.", error);
    }
}
