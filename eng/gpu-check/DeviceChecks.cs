using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>What there is to compute with.</summary>
internal static class DeviceChecks
{
    /// <summary>What is computed a second time for the backward pass has the noise of the first time.</summary>
    public static object Recomputes()
    {
        using IDisposable seed = TorchSeed.Scope(1);
        using DisposeScope scope = NewDisposeScope();
        Device device = TorchDevices.Choose((IHostEnvironment)Outputs.Context());
        Tensor x = ones([1 << 12], device: device, requires_grad: true), y = x;
        for (int i = 0; i < 3; i++)
            y = Recompute.Call(input => SeededDropout.Apply(input, 0.25, isTraining: true), y);
        y.sum().backward();
        double difference = (y - x.grad!).abs().max().ToDouble();
        double kept = y.ne(zeros_like(y)).to(ScalarType.Float32).mean().ToDouble();
        var figures = new { difference, kept };
        return difference == 0 && Math.Abs(kept - Math.Pow(0.75, 3)) < 0.05
            ? figures
            : throw new CheckFailedException("The gradient is not that of the values.", figures);
    }

    public static object Describe()
    {
        ComputeDevices devices = new MLContext().Generative().Devices;
        string? folder = TorchRuntime.LibTorchDirectory;
        var figures = new
        {
            libtorch = folder is null ? null : LibTorchFolder.ReadVersion(folder) ?? "unknown",
            torchsharp = typeof(TorchSharp.torch).Assembly.GetName().Version!.ToString(),
            runtime = RuntimeInformation.FrameworkDescription,
            system = RuntimeInformation.OSDescription,
            processors = Environment.ProcessorCount,
            has_bfloat16_instructions = MixedPrecision.HasBFloat16Instructions,
            devices = devices.Select(d => new
            {
                d.Id,
                d.Name,
                memory_mib = d.TotalMemory >> 20,
                free_mib = d.FreeMemory >> 20,
                capability = d.ComputeCapability?.ToString(),
                d.Problem,
            }),
            cuda_problem = devices.CudaProblem,
        };
        if (devices.Skip(1).Any(d => !d.IsUsable))
            throw new CheckFailedException("There is a GPU that cannot be used.", figures);
        return figures;
    }
}
