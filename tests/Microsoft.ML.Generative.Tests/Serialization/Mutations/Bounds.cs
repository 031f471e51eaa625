using CsCheck;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Runs what reads a hostile file and fails if it takes much memory or time, or throws what is not expected.</summary>
internal static class Bounds
{
    // Far above what is needed; far below what a file that gets its way would take.
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(20);

    /// <summary>What the function returns, or null if it refused the file.</summary>
    public static T? LoadedOrRefused<T>(Func<T> load, long maxBytes)
        where T : class
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var time = new ProcessorTime();
        T? loaded = null;
        try
        {
            loaded = load();
        }
        catch (InvalidDataException e)
        {
            Assert.InRange(e.Message.Length, 1, 3000);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, maxBytes);
        Assert.InRange(time.Elapsed, TimeSpan.Zero, _longest);
        return loaded;
    }
}

internal static class Gens
{
    public static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
