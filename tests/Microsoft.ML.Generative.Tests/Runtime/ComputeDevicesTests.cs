using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Devices;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The devices of a system, and why one of them cannot be used.</summary>
[SuppressMessage("Usage", "CA2201", Justification = "The errors of libtorch have this type.")]
public sealed class ComputeDevicesTests
{
    private static readonly CudaGpu _h100 = new("NVIDIA H100", 80L << 30, 70L << 30, new Version(9, 0));
    private static readonly LibTorchCuda _cuda = new("/t", true, 12, 1);

    [Fact]
    public void The_CPU_is_always_there_and_usable()
    {
        ComputeDevices devices = new MLContext().Generative().Devices;
        ComputeDevice cpu = devices[0];
        Assert.Equal(("cpu", true, null), (cpu.Id, cpu.IsUsable, cpu.ComputeCapability));
        Assert.NotEmpty(cpu.Name);
        Assert.True(cpu.TotalMemory > 0);
        // With a usable GPU there is no reason, and without one there is.
        Assert.Equal(devices.Skip(1).Any(d => d.IsUsable), devices.CudaProblem is null);
        Assert.Equal(torch.cuda.is_available(), devices.CudaProblem is null);
    }

    [Fact]
    public void A_GPU_has_name_memory_and_capability()
    {
        var driver = new CudaFacts(true, 0, new Version(12, 8), [_h100, _h100 with { FreeMemory = null }]);
        ComputeDevices devices = ComputeDevices.Of(driver, _cuda);
        Assert.Null(devices.CudaProblem);
        Assert.Equal(
            new ComputeDevice
            {
                Id = "cuda:0",
                Name = "NVIDIA H100",
                TotalMemory = 85_899_345_920,
                FreeMemory = 75_161_927_680,
                ComputeCapability = new Version(9, 0),
            },
            devices[1]);
        Assert.Contains("uses 1 of the GPUs", devices[2].Problem);
    }

    [Fact]
    public void What_stands_in_the_way_of_CUDA_is_said_with_what_to_do()
    {
        LibTorchCuda none = _cuda with { DeviceCount = 0 };
        var driver = new CudaFacts(true, 0, new Version(12, 8), [_h100]);
        Assert.Null(CudaProblems.Find(driver, _cuda));
        Assert.StartsWith("There is no NVIDIA driver", CudaProblems.Find(CudaFacts.NoDriver, none));
        Assert.StartsWith("The NVIDIA driver finds no GPU", CudaProblems.Find(driver with { Gpus = [] }, none));
        Assert.StartsWith("The NVIDIA driver finds no GPU", CudaProblems.Find(driver with { Error = 100, Gpus = [] }, none));
        Assert.Contains("different versions: restart", CudaProblems.Find(driver with { Error = 803 }, none));
        Assert.Contains("(CUDA error 999)", CudaProblems.Find(driver with { Error = 999 }, none));
        Assert.StartsWith("The libtorch in '/t' is a build for the CPU", CudaProblems.Find(driver, none with { HasCuda = false }));
        Assert.Contains("GENERATIVE_LIBTORCH", CudaProblems.Find(driver, none with { HasCuda = false }));
        Assert.Equal(
            "The NVIDIA driver supports CUDA 12.4, and libtorch was built for CUDA 13: update the driver.",
            CudaProblems.Find(driver with { Version = new Version(12, 4) }, none with { CudaVersion = 13 }));
        Assert.Contains("NVIDIA H100, but libtorch in '/t' cannot use it", CudaProblems.Find(driver, none));
    }

    [Theory]
    [InlineData("2.10.0+cu128", 12)]
    [InlineData("2.10.0+cu130", 13)]
    [InlineData("2.10.0+cpu", null)]
    [InlineData("2.10.0", null)]
    [InlineData(null, null)]
    public void The_version_of_libtorch_names_CUDAs(string? version, int? expected) => Assert.Equal(expected, LibTorchCuda.CudaOf(version));

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB", true)]
    [InlineData("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried 4 bytes", true)]
    [InlineData("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", true)]
    [InlineData("mat1 and mat2 shapes cannot be multiplied", false)]
    public void Errors_of_memory_are_known(string message, bool isMemory) =>
        Assert.Equal(isMemory, OutOfMemory.Is(new ExternalException(message)));

    [Fact]
    public void An_error_of_memory_names_the_options_that_help()
    {
        var error = new ExternalException("CUDA out of memory. Tried to allocate 2.00 GiB.\nException raised from malloc");
        var options = new LanguageModelOptions { BatchSize = 32, GradientAccumulationSteps = 2, Precision = ComputePrecision.Float32 };
        string message = OutOfMemory.Explain(error, options, new torch.Device("cuda:0"), 5).Message;
        Assert.StartsWith("Step 5 does not fit the memory of cuda:0 (CUDA out of memory. Tried to allocate 2.00 GiB). ", message);
        Assert.Contains("lower BatchSize (32) and raise GradientAccumulationSteps (2) as many times", message);
        Assert.Contains("set GradientCheckpointing", message);
        Assert.Contains("set Precision to BFloat16", message);
        Assert.DoesNotContain('\n', message);

        options = new LanguageModelOptions { BatchSize = 1, GradientCheckpointing = true };
        message = OutOfMemory.Explain(error, options, torch.CPU, 1).Message;
        Assert.DoesNotContain("BatchSize", message);
        Assert.DoesNotContain("GradientCheckpointing", message);
        Assert.DoesNotContain("Precision", message);
    }

    [Fact]
    public void A_step_that_does_not_fit_fails_with_the_options_that_help()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var options = new ToyOptions { BatchSize = 4, MaxSteps = 1 };
        using torch.nn.Module module = TorchSeed.Initialize(1, () => torch.nn.Linear(1, 1));
        using var network = new TrainedNetwork("n", module, options);
        var phase = new TrainingPhase(network, new NoiseBatches(4, 1, 1), (_, _) => new Losses(torch.zeros(1L << 50).sum()));
        var error = Assert.Throws<InvalidOperationException>(() => Toys.Loop(options, [phase]).Run());
        Assert.Contains("lower BatchSize (4)", error.Message);
    }
}
