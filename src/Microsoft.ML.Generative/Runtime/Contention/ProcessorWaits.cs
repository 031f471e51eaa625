using System.Globalization;

namespace Microsoft.ML.Generative.Runtime.Contention;

/// <summary>How long the threads of this process could have run and waited for a processor, as Linux counts it.</summary>
internal static class ProcessorWaits
{
    private const string Threads = "/proc/self/task";

    /// <summary>The sum over the threads that there are; <see langword="null"/> where the system does not count it.</summary>
    public static TimeSpan? Total()
    {
        if (!OperatingSystem.IsLinux() || !Directory.Exists(Threads))
            return null;
        long nanoseconds = 0;
        bool isCounted = false;
        foreach (string thread in Directory.EnumerateDirectories(Threads))
        {
            try
            {
                if (Parse(File.ReadAllText(Path.Combine(thread, "schedstat"))) is not { } wait)
                    continue;
                nanoseconds += wait;
                isCounted = true;
            }
            catch (IOException)
            {
                // The thread has ended.
            }
            catch (UnauthorizedAccessException)
            {
            }
        }

        return isCounted ? TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick) : null;
    }

    /// <summary>Nanoseconds of waiting: the second of the three numbers (https://docs.kernel.org/scheduler/sched-stats.html).</summary>
    internal static long? Parse(string statistics) =>
        statistics.Split(' ') is [_, { } wait, _]
        && long.TryParse(wait, NumberStyles.None, CultureInfo.InvariantCulture, out long nanoseconds)
            ? nanoseconds
            : null;
}
