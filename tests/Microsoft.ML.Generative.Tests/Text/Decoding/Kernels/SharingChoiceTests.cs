using Microsoft.ML.Generative.Text.Decoding.Kernels;

namespace Microsoft.ML.Generative.Tests;

public sealed class SharingChoiceTests
{
    [Fact]
    public void The_faster_way_is_taken_and_the_other_tried_rarely()
    {
        var choice = new SharingChoice(2);
        Assert.True(Steps(choice, 1, sharedTicks: 500, aloneTicks: 1000, steps: 640) is >= 625 and < 640);
        Assert.True(Steps(choice, 0, sharedTicks: 1000, aloneTicks: 500, steps: 640) is > 0 and <= 15);
    }

    [Fact]
    public void What_has_become_faster_is_found_out()
    {
        var choice = new SharingChoice(1);
        Steps(choice, 0, sharedTicks: 500, aloneTicks: 1000, steps: 100);
        Steps(choice, 0, sharedTicks: 3000, aloneTicks: 1000, steps: 100);
        Assert.True(Steps(choice, 0, sharedTicks: 3000, aloneTicks: 1000, steps: 100) <= 2);
        Steps(choice, 0, sharedTicks: 500, aloneTicks: 1000, steps: 1000);
        Assert.True(Steps(choice, 0, sharedTicks: 500, aloneTicks: 1000, steps: 100) >= 98);
    }

    // How many were shared.
    private static int Steps(SharingChoice choice, int kind, long sharedTicks, long aloneTicks, int steps)
    {
        int shared = 0;
        for (int i = 0; i < steps; i++)
        {
            bool isShared = choice.IsShared(kind);
            shared += isShared ? 1 : 0;
            choice.Add(kind, isShared, isShared ? sharedTicks : aloneTicks);
        }

        return shared;
    }
}
