using System.Globalization;

namespace Microsoft.ML.Generative.Runtime.Contention;

/// <summary>How long the threads of this process ran, and could have run and waited for a processor, as Linux counts it.</summary>
internal static class ProcessorWaits
{
    private const string Threads = "/proc/self/task";

    /// <summary>The sums over the threads that there are; <see langword="null"/> where the system does not count it.</summary>
    public static (TimeSpan Ran, TimeSpan Waited)? Total()
    {
        if (!OperatingSystem.IsLinux() || !Directory.Exists(Threads))
            return null;
        long ran = 0, waited = 0;
        bool isCounted = false;
        foreach (string thread in Directory.EnumerateDirectories(Threads))
        {
            try
            {
                if (Parse(File.ReadAllText(Path.Combine(thread, "schedstat"))) is not { } thisOne)
                    continue;
                ran += thisOne.Ran;
                waited += thisOne.Waited;
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

        return isCounted ? (Span(ran), Span(waited)) : null;

        static TimeSpan Span(long nanoseconds) => TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
    }

    /// <summary>
    /// Nanoseconds of running and of waiting: the first two of the three numbers (https://docs.kernel.org/scheduler/sched-stats.html).
    /// </summary>
    internal static (long Ran, long Waited)? Parse(string statistics) =>
        statistics.Split(' ') is [{ } ran, { } waited, _]
        && long.TryParse(ran, NumberStyles.None, CultureInfo.InvariantCulture, out long running)
        && long.TryParse(waited, NumberStyles.None, CultureInfo.InvariantCulture, out long waiting)
            ? (running, waiting)
            : null;
}
