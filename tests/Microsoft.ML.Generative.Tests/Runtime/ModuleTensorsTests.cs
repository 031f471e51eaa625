using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class ModuleTensorsTests
{
    [Fact]
    public void A_module_without_memory_has_names_and_shapes_of_any_size()
    {
        using Matrix module = ModuleTensors.WithoutMemory(long.MaxValue, 2, () => new Matrix(1_000_000, 1_000_000));
        Assert.Equal([1_000_000, 1_000_000], module.weight.shape);
        Assert.Equal(DeviceType.META, module.weight.device_type);
        Assert.Equal(1_000_000_000_000 + 1, ModuleTensors.CountElements(() => new Matrix(1_000_000, 1_000_000)));
        using Matrix real = new(2, 3);
        Assert.Equal(DeviceType.CPU, real.weight.device_type);
    }

    [Theory]
    [InlineData(27, 2)]
    [InlineData(28, 1)]
    public void A_module_that_is_larger_than_allowed_is_not_created(long bytes, int tensors)
    {
        TorchRuntime.EnsureLoaded();
        Assert.Throws<ModuleTooLargeException>(() => ModuleTensors.WithoutMemory(bytes, tensors, () => new Matrix(2, 3)));
        ModuleTensors.WithoutMemory(28, 2, () => new Matrix(2, 3)).Dispose();
        using Matrix after = new(2, 3);
        Assert.Equal(DeviceType.CPU, after.weight.device_type);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void Sizes_that_are_none_are_too_large(long size)
    {
        Assert.Throws<ModuleTooLargeException>(() => ModuleTensors.WithoutMemory(long.MaxValue, 2, () => new Matrix(size, 3)));
    }

    [Fact]
    public async Task Other_threads_create_tensors_with_memory_meanwhile()
    {
        TorchRuntime.EnsureLoaded();
        using var inside = new ManualResetEventSlim();
        using var done = new ManualResetEventSlim();
        Task<(DeviceType Module, DeviceType Tensor)> other = Task.Run(() =>
        {
            inside.Wait();
            using Matrix module = new(2, 3);
            using Tensor tensor = zeros(3);
            done.Set();
            return (module.weight.device_type, tensor.device_type);
        });
        ModuleTensors.WithoutMemory(long.MaxValue, 2, () =>
        {
            inside.Set();
            done.Wait();
            return new Matrix(2, 3);
        }).Dispose();
        Assert.Equal((DeviceType.CPU, DeviceType.CPU), await other);
    }

    [Fact]
    public void Nothing_is_sampled_for_a_module_without_memory()
    {
        float Next() => TorchSeed.Initialize(1, () =>
        {
            using Tensor value = rand(1);
            return value.item<float>();
        });
        float NextAfterModule() => TorchSeed.Initialize(1, () =>
        {
            ModuleTensors.WithoutMemory(long.MaxValue, 2, () => new Matrix(2, 3)).Dispose();
            using Tensor value = rand(1);
            return value.item<float>();
        });
        Assert.Equal(Next(), NextAfterModule());
    }

    private sealed class Matrix : nn.Module
    {
        public readonly Parameter weight;
        private readonly Tensor steps;

        public Matrix(long inputs, long outputs)
            : base(nameof(Matrix))
        {
            weight = nn.Parameter(nn.init.normal_(ModuleTensors.Empty(outputs, inputs)));
            steps = ModuleTensors.Zeros(1);
            RegisterComponents();
        }
    }
}
