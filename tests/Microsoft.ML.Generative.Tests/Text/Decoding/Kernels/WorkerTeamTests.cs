using System.Runtime.CompilerServices;
using Microsoft.ML.Generative.Text.Decoding.Kernels;

namespace Microsoft.ML.Generative.Tests;

public sealed class WorkerTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(6)]
    public void Every_piece_is_done_once_before_the_call_returns(int size)
    {
        using var team = new WorkerTeam(size);
        int[] done = new int[23];
        for (int round = 1; round <= 2000; round++)
        {
            team.Run(done.Length, (piece, worker) =>
            {
                Assert.InRange(worker, 0, size - 1);
                Interlocked.Increment(ref done[piece]);
            });
            Assert.All(done, count => Assert.Equal(round, count));
            if (round % 500 == 0)
                Thread.Sleep(5);
        }
    }

    [Fact]
    public void A_thread_alone_is_no_two_threads_at_a_time()
    {
        using var team = new WorkerTeam(4);
        int[] active = new int[4];
        for (int round = 0; round < 200; round++)
        {
            team.Run(50, (_, worker) =>
            {
                Assert.Equal(1, Interlocked.Increment(ref active[worker]));
                Thread.SpinWait(50);
                Interlocked.Decrement(ref active[worker]);
            });
        }
    }

    [Fact]
    public void An_exception_comes_out_after_all_pieces_are_done()
    {
        using var team = new WorkerTeam(3);
        int done = 0;
        var error = Assert.Throws<FormatException>(() => team.Run(20, (piece, _) =>
        {
            Interlocked.Increment(ref done);
            if (piece == 7)
                throw new FormatException("seven");
        }));
        Assert.Equal("seven", error.Message);
        Assert.Equal(20, done);
        team.Run(5, (_, _) => Interlocked.Increment(ref done));
        Assert.Equal(25, done);
    }

    [Fact]
    public void Threads_without_work_fall_asleep_and_wake_for_the_next()
    {
        using var team = new WorkerTeam(4);
        for (int round = 0; round < 20; round++)
        {
            team.Run(100, (_, _) => Thread.SpinWait(100));
            Eventually.Holds(() => team.Asleep == 3, "3 threads are asleep");
        }

        using var met = new Barrier(4);
        team.Run(4, (_, _) => Assert.True(met.SignalAndWait(Eventually.Limit)));
    }

    [Fact]
    public void A_team_that_nobody_knows_any_more_is_collected_and_its_threads_end()
    {
        (WeakReference worked, HashSet<Thread> threads) = WorkAndForget();
        Eventually.Collected([worked]);
        Eventually.Holds(() => threads.All(thread => !thread.IsAlive), "the threads have ended");
    }

    // Of its own, so that no local keeps anything alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Worked, HashSet<Thread> Threads) WorkAndForget()
    {
        HashSet<Thread> threads = [];
        var worked = new int[1000];
        var team = new WorkerTeam(3);
        // Each of the three has a piece, because nobody ends one before all have begun.
        using var begun = new CountdownEvent(3);
        team.Run(3, (piece, worker) =>
        {
            worked[piece]++;
            begun.Signal();
            Assert.True(begun.Wait(Eventually.Limit));
            if (worker > 0)
            {
                lock (threads)
                    threads.Add(Thread.CurrentThread);
            }
        });
        Assert.Equal(2, threads.Count);
        return (new WeakReference(worked), threads);
    }
}
