using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TorchThreadsTests
{
    [Theory]
    [InlineData(64, 2, null, 2)]
    [InlineData(2, 64, "", 2)]
    [InlineData(64, 2, "16", 64)]
    public void In_a_container_there_are_no_more_threads_than_processors_unless_somebody_asks(
        int threads, int processors, string? chosen, int expected) =>
        Assert.Equal(expected, TorchThreads.Limit(threads, processors, chosen));

    [Theory]
    [InlineData(1.0, 1.9, 4.0, 4)]
    [InlineData(1.0, 1.05, 1.9, 2)]
    [InlineData(9.0, 3.0, 1.0, 1)]
    [InlineData(1.0, 1.02, 1.05, 1)]
    public void Threads_that_are_not_worth_it_are_not_used(double four, double two, double one, int expected)
    {
        double Seconds(int threads) => threads switch { 4 => four, 2 => two, _ => one };
        Assert.Equal(expected, TorchThreads.Fastest([4, 2, 1], Seconds));
    }

    [Fact]
    public void One_disturbed_timing_does_not_decide()
    {
        int calls = 0;
        double Seconds(int threads) => ++calls == 3 ? 100 : threads == 2 ? 1 : 2;
        Assert.Equal(2, TorchThreads.Fastest([2, 1], Seconds));
    }

    [Fact]
    public void Measuring_leaves_the_number_as_it_was()
    {
        int before = torch.get_num_threads();
        Assert.InRange(TorchThreads.Measure(), 1, before);
        Assert.Equal(before, torch.get_num_threads());
    }
}
