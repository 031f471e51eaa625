using System.Globalization;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>Chooses the device that an <see cref="MLContext"/> asks for.</summary>
internal static class TorchDevices
{
    /// <summary>
    /// The GPU of <see cref="MLContext.GpuDeviceId"/>; the first GPU if none is named; the CPU if there is no GPU.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// libtorch cannot be loaded, or the GPU named is not there and <see cref="MLContext.FallbackToCpu"/> is false.
    /// </exception>
    /// <param name="env">The environment of the context.</param>
    /// <param name="channel">Receives a warning where the CPU takes the place of the GPU named.</param>
    /// <param name="isShared">
    /// Whether other processes of the machine train with this one: unless a GPU is named, each takes the one of its number.
    /// </param>
    public static torch.Device Choose(IHostEnvironment env, IChannel? channel = null, bool isShared = false)
    {
        TorchRuntime.EnsureLoaded();
        int gpuCount = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        var settings = env as IHostEnvironmentInternal;
        int? id = settings?.GpuDeviceId ?? (isShared && gpuCount > 0 ? LocalRank(Environment.GetEnvironmentVariable) % gpuCount : null);
        return new torch.Device(Choose(id, settings?.FallbackToCpu ?? true, gpuCount, channel));
    }

    /// <summary>The number of this process among those of its machine, as its launcher says: Open MPI, MPICH, Slurm.</summary>
    internal static int LocalRank(Func<string, string?> variable) =>
        ((string[])["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"])
            .Select(variable)
            .Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int rank) ? rank : (int?)null)
            .FirstOrDefault(rank => rank is not null) ?? 0;

    internal static string Choose(int? gpuDeviceId, bool fallbackToCpu, int gpuCount, IChannel? channel)
    {
        if (gpuDeviceId is not { } id)
            return gpuCount > 0 ? "cuda:0" : "cpu";
        if (id >= 0 && id < gpuCount)
            return $"cuda:{id}";

        string found = gpuCount switch
        {
            0 => "no GPU that libtorch can use was found",
            1 => "only GPU 0 was found",
            _ => $"only GPUs 0 to {gpuCount - 1} were found",
        };
        if (!fallbackToCpu)
            throw new InvalidOperationException(
                $"MLContext.GpuDeviceId is {id}, but {found}. Set MLContext.FallbackToCpu to true to run on the CPU, or reference a CUDA "
                + "build of libtorch.");

        channel?.Warning($"MLContext.GpuDeviceId is {id}, but {found}: running on the CPU.");
        return "cpu";
    }
}
