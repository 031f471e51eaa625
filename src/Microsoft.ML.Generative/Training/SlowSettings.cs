using Microsoft.ML.Generative.Layers;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>Settings of a training that are slow on the processor that it runs on.</summary>
internal static class SlowSettings
{
    /// <summary>A sentence for each of them.</summary>
    public static IEnumerable<string> Find(TrainingOptions options, DeviceType device) => device == DeviceType.CPU
        ? Find(options.Precision, options.Threads, MixedPrecision.HasBFloat16Instructions, Environment.ProcessorCount)
        : [];

    /// <param name="precision">The precision asked for.</param>
    /// <param name="threads">The threads asked for, if any.</param>
    /// <param name="hasBFloat16Instructions">Whether the processor has them.</param>
    /// <param name="processors">The processors that this process may use.</param>
    internal static IEnumerable<string> Find(ComputePrecision precision, int? threads, bool hasBFloat16Instructions, int processors)
    {
        if (precision == ComputePrecision.BFloat16 && !hasBFloat16Instructions)
        {
            yield return $"{nameof(TrainingOptions.Precision)} is {precision}, but this processor has no instructions for it "
                + $"(AVX512-BF16, AMX): training is several times slower than with {nameof(ComputePrecision.Float32)}. "
                + $"{nameof(ComputePrecision)}.{nameof(ComputePrecision.Auto)} chooses by the processor.";
        }

        if (threads > processors)
        {
            yield return $"{nameof(TrainingOptions.Threads)} is {threads}, but this process may use {processors} processors: "
                + "threads that wait for each other are slower than fewer threads.";
        }
    }
}
