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
