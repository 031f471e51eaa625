using System.Diagnostics;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Waits for what other threads or processes do: only what never happens fails, however busy the machine is.</summary>
internal static class Eventually
{
    /// <summary>Far longer than a machine keeps a thread waiting.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(5);

    public static void Holds(Func<bool> condition, string expected)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"Not within {Limit}: {expected}");
            Thread.Sleep(_pause);
        }
    }

    public static Task HoldsAsync(Func<bool> condition, string expected) => HoldsAsync(() => Task.FromResult(condition()), expected);

    public static async Task HoldsAsync(Func<Task<bool>> condition, string expected)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"Not within {Limit}: {expected}");
            await Task.Delay(_pause);
        }
    }

    /// <summary>Collects until nothing of these is left.</summary>
    public static void Collected(IReadOnlyCollection<WeakReference> references) => Holds(
        () =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return references.All(reference => !reference.IsAlive);
        },
        "collected");
}
