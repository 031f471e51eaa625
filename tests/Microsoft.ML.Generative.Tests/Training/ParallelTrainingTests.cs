using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What a seed promises of trainings that run beside others.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class ParallelTrainingTests
{
    [Fact]
    public void Trainings_side_by_side_are_those_of_their_seeds_and_threads()
    {
        (int Seed, int? Threads)[] runs = [(1, 1), (1, 2), (2, null), (1, 1), (3, 2), (2, 1), (1, null), (3, 1)];
        float[][] alone = [.. runs.Select(r => Train(r.Seed, r.Threads))];
        Assert.Equal(alone[0], alone[3]);
        Assert.NotEqual(alone[0], alone[5]);

        int threads = torch.get_num_threads();
        var together = new float[runs.Length][];
        Parallel.For(0, runs.Length, new ParallelOptions { MaxDegreeOfParallelism = runs.Length },
            i => together[i] = Train(runs[i].Seed, runs[i].Threads));
        Assert.Equal(alone, together);
        Assert.Equal(threads, torch.get_num_threads());
    }

    [Fact]
    public void Trainings_that_recompute_with_dropout_are_the_same_side_by_side()
    {
        float[][] alone = [.. Enumerable.Range(1, 4).Select(seed => Train(seed, threads: 1, recompute: true))];
        Assert.Equal(Train(1, threads: 1), alone[0]);

        var together = new float[alone.Length][];
        Parallel.For(0, alone.Length, new ParallelOptions { MaxDegreeOfParallelism = alone.Length },
            i => together[i] = Train(1 + i, threads: 1, recompute: true));
        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Steps_draw_nothing_from_the_generator_of_the_process(bool recompute)
    {
        List<byte[]> states = [], seeded = [];
        Train(6, threads: 1, step =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            byte[] state = torch.random.get_rng_state().bytes.ToArray();
            // Each step seeds it with what follows from the training's seed and its number.
            using (TorchSeed.Scope(SeedSequence.Derive(6, 2 * step)))
                seeded.Add(torch.random.get_rng_state().bytes.ToArray());
            states.Add(state);
        }, recompute);
        Assert.Equal(seeded, states);
    }

    [Fact]
    public void A_training_in_a_report_of_another_with_other_threads_does_not_wait_for_it()
    {
        float[] expected = Train(5, threads: 2);
        float[]? inner = null;
        Train(4, threads: 1, _ => inner ??= Task.Run(() => Train(5, threads: 2)).Result);
        Assert.Equal(expected, inner);
    }

    [Fact]
    public void Turns_with_different_numbers_never_overlap()
    {
        int usual = torch.get_num_threads();
        int[] computing = new int[3];
        Thread[] workers = [.. Enumerable.Range(0, 6).Select(i => new Thread(() =>
        {
            int threads = 1 + i % 2;
            using ThreadCount count = TorchThreads.Scope(threads);
            Assert.Equal(threads, count.Threads);
            for (int turn = 0; turn < 30; turn++)
            {
                using IDisposable mine = count.Turn();
                using IDisposable nested = count.Turn();
                Interlocked.Increment(ref computing[threads]);
                Assert.Equal(threads, torch.get_num_threads());
                Thread.Sleep(1);
                Assert.Equal(0, Volatile.Read(ref computing[3 - threads]));
                Interlocked.Decrement(ref computing[threads]);
            }
        }))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        Assert.Equal(usual, torch.get_num_threads());
    }

    [Fact]
    public void Turns_with_the_same_number_overlap()
    {
        using var met = new Barrier(3);
        bool[] haveMet = new bool[3];
        Thread[] workers = [.. Enumerable.Range(0, haveMet.Length).Select(i => new Thread(() =>
        {
            using ThreadCount count = TorchThreads.Scope(1);
            using IDisposable turn = count.Turn();
            haveMet[i] = met.SignalAndWait(Eventually.Limit);
        }))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        Assert.All(haveMet, Assert.True);
    }

    // Dropout, attention and a matrix whose products are summed by several threads.
    private static float[] Train(int seed, int? threads, Action<long>? report = null, bool recompute = false)
    {
        var ml = new MLContext();
        LanguageModelOptions options = TinyText.Options();
        (options.Seed, options.Threads, options.Dropout, options.MaxSteps) = (seed, threads, 0.2, 6);
        options.Progress = new Reports { OnReport = progress => report?.Invoke(progress.Step) };
        options.GradientCheckpointing = recompute;
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
        return Toys.Numbers(((IBaseModel)model).Network);
    }
}
