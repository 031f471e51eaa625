using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Tests;

public sealed class TorchDevicesTests
{
    [Theory]
    [InlineData(null, 0, "cpu")]
    [InlineData(null, 2, "cuda:0")]
    [InlineData(1, 2, "cuda:1")]
    [InlineData(2, 2, "cpu")]
    [InlineData(-1, 2, "cpu")]
    public void The_device_is_the_one_asked_for_or_the_best_there_is(int? asked, int gpuCount, string expected) =>
        Assert.Equal(expected, TorchDevices.Choose(asked, fallbackToCpu: true, gpuCount, channel: null));

    [Fact]
    public void A_gpu_that_is_not_there_is_an_error_without_fallback()
    {
        var error = Assert.Throws<InvalidOperationException>(() =>
            TorchDevices.Choose(3, fallbackToCpu: false, gpuCount: 1, channel: null));
        Assert.Contains("GpuDeviceId is 3", error.Message);
        Assert.Contains("only GPU 0", error.Message);
        Assert.Contains("FallbackToCpu", error.Message);
    }

    [Fact]
    public void A_context_that_insists_on_a_gpu_fails_on_a_machine_without_one()
    {
        var ml = new MLContext(seed: 1) { GpuDeviceId = 7, FallbackToCpu = false };
        Assert.Throws<InvalidOperationException>(() => TorchDevices.Choose(ml));
    }
}
