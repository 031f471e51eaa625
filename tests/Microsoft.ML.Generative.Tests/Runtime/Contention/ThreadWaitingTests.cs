using System.Diagnostics;
using Microsoft.ML.Generative.Runtime.Contention;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Threads that sleep while they wait for each other, where other work wants their processors.</summary>
public sealed class ThreadWaitingTests
{
    [Theory]
    [InlineData("54803292 17 12\n", 54_803_292L, 17L)]
    [InlineData("1 2093847201938 3", 1L, 2_093_847_201_938L)]
    [InlineData("0 0 0", 0L, 0L)]
    public void The_first_numbers_of_a_thread_are_how_long_it_ran_and_waited(string statistics, long ran, long waited) =>
        Assert.Equal((ran, waited), ProcessorWaits.Parse(statistics));

    [Theory]
    [InlineData("1 -2 3")]
    [InlineData("x 2 3")]
    [InlineData("1 2")]
    [InlineData("")]
    public void Other_lines_say_nothing(string statistics) => Assert.Null(ProcessorWaits.Parse(statistics));

    [ProcessorWaitsFact]
    public void Threads_that_are_more_than_the_processors_wait()
    {
        TimeSpan before = ProcessorWaits.Total()!.Value.Waited, most = before;
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        Thread[] threads = [.. Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
                Thread.SpinWait(100);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        while (most - before < TimeSpan.FromMilliseconds(50) && !stop.IsCancellationRequested)
            most = ProcessorWaits.Total()!.Value.Waited;
        stop.Cancel();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.True(most - before >= TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void Processors_are_busy_after_two_high_numbers_and_free_after_four_low_ones()
    {
        var processors = new BusyProcessors(2);
        bool Add(double ran, params double[] waits)
        {
            foreach (double one in waits)
                processors.Add(ran, one);
            return processors.AreBusy;
        }

        Assert.False(Add(1.3, 0.1, 0.9, 0.1, 0.9, 0.3, 0.9));
        Assert.True(Add(1.3, 0.8));
        // Between the limits nothing changes.
        Assert.True(Add(1, 0.5, 0.3, 0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1));
        Assert.False(Add(1, 0.1));
        Assert.False(Add(1.5, 0.3, 0.3, 0.3));
        // Where the process has all processors, its own threads are too many.
        Assert.False(Add(1.95, 0.9, 0.9, 0.9));
    }

    [ProcessorWaitsFact]
    public void The_second_thread_sleeps_in_pauses_as_long_as_there_is_a_sleeping_team()
    {
        int[] sleeps = [.. Run(null, "count").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        Assert.InRange(sleeps[0], 20, int.MaxValue);
        Assert.InRange(sleeps[1], 0, 19);
    }

    [ProcessorWaitsFact]
    public void A_training_beside_busy_processors_lets_its_threads_sleep_until_it_ends()
    {
        Assert.Equal("True\nFalse\n", Run(null, "fit"));
    }

    [LinuxFact]
    public void Who_sets_how_threads_wait_has_chosen()
    {
        Assert.Equal("True\n", Run("PASSIVE", "adapt"));
        Assert.Null(ThreadWaiting.Adapt(1));
    }

    private static string Run(string? policy, string action)
    {
        ProcessStartInfo start = ChildProgram.Of("dotnet", ChildProgram.Library, "waiting", action);
        start.Environment.Remove("GOMP_SPINCOUNT");
        start.Environment.Remove("OMP_WAIT_POLICY");
        if (policy is not null)
            start.Environment["OMP_WAIT_POLICY"] = policy;
        (int code, string output, string errors) = ChildProgram.Run(start);
        Assert.True(code == 0, errors);
        return output;
    }
}
