using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void Libtorch_loads_and_computes()
    {
        TorchRuntime.EnsureLoaded();
        using torch.Tensor sum = torch.tensor(new float[] { 1, 2, 3 }).sum();
        Assert.Equal(6f, sum.item<float>());
    }

    [Fact]
    public void A_missing_backend_is_one_sentence_that_names_the_package()
    {
        string message = TorchRuntime.Explain([Path.GetTempPath()], "dlopen failed");
        Assert.StartsWith("The native library libtorch was not found. Add the NuGet package libtorch-cpu-", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void In_NuGets_cache_the_native_libraries_of_TorchSharp_and_libtorch_are_found()
    {
        string cache = Path.Combine(Path.GetTempPath(), "packages");
        string native = Path.Combine("runtimes", System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier, "native");
        string rid = System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier;
        Assert.Equal(
            [
                Path.Combine(cache, "torchsharp", "0.107.0", native),
                Path.Combine(cache, $"libtorch-cuda-12.8-{rid}", "2.10.0", native),
                Path.Combine(cache, $"libtorch-cpu-{rid}", "2.10.0", native),
            ],
            TorchNativeLoader.PackageFolders(Path.Combine(cache, "torchsharp", "0.107.0", "lib", "net8.0", "TorchSharp.dll")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/app/TorchSharp.dll")]
    [InlineData("/TorchSharp.dll")]
    [InlineData("/src/App/bin/Release/net10.0/TorchSharp.dll")]
    public void Elsewhere_no_packages_are_looked_for(string assembly) => Assert.Empty(TorchNativeLoader.PackageFolders(assembly));

    [Fact]
    public void An_incompatible_backend_is_told_with_the_loaders_reason()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in (string[])["libtorch_cpu.so", "torch_cpu.dll", "libtorch_cpu.dylib"])
            File.WriteAllBytes(folder.File(name), []);

        string message = TorchRuntime.Explain([folder.Path], "Unable to load.\n/x/libLibTorchSharp.so: undefined symbol: _ZN3c10\nother");
        Assert.Contains("undefined symbol: _ZN3c10", message);
        Assert.Contains("2.10.0", message);
        Assert.DoesNotContain('\n', message);
    }
}
