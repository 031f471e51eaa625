using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Modules that are created without memory.</summary>
internal static class Shapes
{
    /// <summary>Checks that a module without memory has the tensors of a real one, and that none of them takes memory.</summary>
    public static void AssertLikeReal(Func<torch.nn.Module> create)
    {
        using torch.nn.Module real = TorchSeed.Initialize(1, create);
        (string Name, torch.Tensor Tensor)[] expected = [.. ModuleWeights.Of(real)];
        long bytes = expected.Sum(t => t.Tensor.numel() * t.Tensor.element_size());
        using torch.nn.Module shapes = ModuleTensors.WithoutMemory(bytes, expected.Length, create);
        (string Name, torch.Tensor Tensor)[] found = [.. ModuleWeights.Of(shapes)];
        Assert.Equal(expected.Select(Describe), found.Select(Describe));
        Assert.All(found, t => Assert.True(t.Tensor.device_type == DeviceType.META, $"'{t.Name}' has memory"));
        Assert.Throws<ModuleTooLargeException>(() => ModuleTensors.WithoutMemory(bytes - 1, expected.Length, create));
        Assert.Throws<ModuleTooLargeException>(() => ModuleTensors.WithoutMemory(bytes, expected.Length - 1, create));

        static string Describe((string Name, torch.Tensor Tensor) t) => $"{t.Name} {t.Tensor.dtype} [{string.Join(", ", t.Tensor.shape)}]";
    }
}
