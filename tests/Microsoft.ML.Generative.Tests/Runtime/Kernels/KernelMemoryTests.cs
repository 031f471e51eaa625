using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Tests;

public sealed unsafe class KernelMemoryTests
{
    [Fact]
    public void What_is_in_use_is_nobody_elses_and_is_used_again_afterwards()
    {
        const int Count = 1 << 20;
        nint first;
        using (KernelMemory.Block one = KernelMemory.Take(Count))
        {
            first = (nint)one.Start;
            using KernelMemory.Block two = KernelMemory.Take(Count);
            new Span<float>(one.Start, Count).Fill(1);
            new Span<float>(two.Start, Count).Fill(2);
            Assert.Equal(-1, new Span<float>(one.Start, Count).IndexOfAnyExcept(1));
            Assert.Equal(0, first % 64);
        }

        using KernelMemory.Block again = KernelMemory.Take(Count);
        using KernelMemory.Block other = KernelMemory.Take(Count);
        Assert.True((nint)again.Start == first || (nint)other.Start == first);
    }

    [Fact]
    public void There_is_memory_of_every_size()
    {
        // More than a thread keeps, in number and in size.
        for (int round = 0; round < 2; round++)
        {
            foreach (int count in (int[])[0, 1, 100, 1 << 19, (1 << 19) + 1, 3 << 20, 5 << 20])
            {
                using KernelMemory.Block memory = KernelMemory.Take(count);
                using KernelMemory.Block small = KernelMemory.Take(3);
                new Span<float>(memory.Start, count).Fill(round);
                new Span<float>(small.Start, 3).Fill(-1);
                Assert.Equal(-1, new Span<float>(memory.Start, count).IndexOfAnyExcept((float)round));
            }
        }
    }
}
