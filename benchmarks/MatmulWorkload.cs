using System.Diagnostics;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>What this machine can do: GFLOP/s of a 512³ matrix product.</summary>
internal static class MatmulWorkload
{
    private const int Size = 512;

    public static object Run(BenchmarkSettings settings)
    {
        TorchRuntime.EnsureLoaded();
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        return new
        {
            workload = "matmul",
            size = Size,
            threads = get_num_threads(),
            f32_gflops = Math.Round(GigaFlops(float32, settings.Seconds / 2), 1),
            bf16_gflops = Math.Round(GigaFlops(bfloat16, settings.Seconds / 2), 1),
        };
    }

    /// <summary>GFLOP/s in Float32 with the threads of the settings; takes a second.</summary>
    public static double Float32Rate(BenchmarkSettings settings)
    {
        TorchRuntime.EnsureLoaded();
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        return GigaFlops(float32, 1);
    }

    private static double GigaFlops(ScalarType type, double seconds)
    {
        using Tensor a = rand(Size, Size).to(type);
        using Tensor b = rand(Size, Size).to(type);
        for (int i = 0; i < 10; i++)
            a.mm(b).Dispose();

        var watch = Stopwatch.StartNew();
        long count = 0;
        for (; watch.Elapsed.TotalSeconds < seconds; count++)
            a.mm(b).Dispose();
        return 2.0 * Size * Size * Size * count / watch.Elapsed.TotalSeconds / 1e9;
    }
}
