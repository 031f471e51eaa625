using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What the processes of a training tell each other.</summary>
public sealed class ProcessGroupTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 1)]
    [InlineData(3, 1_000_003)]
    [InlineData(2, 2_100_001)]
    public void A_gradient_is_the_mean_over_all_processes_by_their_weights(int size, int length)
    {
        float[][] results = ThreadProcesses.Results(size, transport =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            var group = new ProcessGroup(transport, _limit);
            double weight = transport.Rank + 1, total = group.TotalWeight(weight);
            Assert.Equal(size * (size + 1) / 2, total);
            torch.Tensor gradients = torch.arange(length, torch.float32).remainder(7) * weight * (weight / total);
            group.Sum(gradients);
            return TensorMemory.ToArray<float>(gradients);
        });
        // Σ r² / Σ r over the processes r = 1..n.
        double factor = (2 * size + 1) / 3.0;
        for (int i = 0; i < length; i += Math.Max(1, length / 1000))
            Assert.Equal(i % 7 * factor, results[0][i], 1e-5);
        Assert.All(results, r => Assert.Equal(results[0], r));
    }

    [Fact]
    public void A_process_without_weight_takes_the_gradient_of_the_others_and_none_have_any_without()
    {
        (double Total, float Value)[] results = ThreadProcesses.Results(3, transport =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            var group = new ProcessGroup(transport, _limit);
            double total = group.TotalWeight(transport.Rank == 1 ? 7 : 0);
            torch.Tensor gradients = torch.ones(3) * (transport.Rank == 1 ? 4 : 0);
            group.Sum(gradients);
            Assert.Equal(0, group.TotalWeight(0));
            return (total, gradients[2].item<float>());
        });
        Assert.All(results, r => Assert.Equal((7, 4f), r));
    }

    [Fact]
    public void Bytes_of_all_processes_reach_all_in_the_order_of_their_numbers()
    {
        byte[][][] results = ThreadProcesses.Results(3, transport =>
            new ProcessGroup(transport, _limit).Gather("bytes", [.. Enumerable.Repeat((byte)transport.Rank, transport.Rank)]));
        Assert.All(results, r => Assert.Equal([[], [1], [2, 2]], r));
    }

    [Fact]
    public void Tensors_of_process_0_reach_all_whatever_their_type_and_size()
    {
        float[][] results = ThreadProcesses.Results(2, transport =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor[] tensors = [torch.zeros(0), torch.ones(3, 2).t(), torch.tensor(5L), torch.arange(2_000_001, torch.float32)];
            foreach (torch.Tensor tensor in tensors)
                tensor.mul_(transport.Rank + 1);
            new ProcessGroup(transport, _limit).Broadcast("tensors", tensors);
            return tensors.Select(t => t.to(torch.float32).sum().item<float>()).ToArray();
        });
        Assert.Equal([0, 6, 5], results[0].Take(3));
        Assert.Equal(results[0], results[1]);
    }

    [Fact]
    public void An_error_in_one_process_ends_all_with_its_name()
    {
        (bool, Exception? Error)[] results = ThreadProcesses.Run<bool>(3, transport =>
        {
            var group = new ProcessGroup(transport, _limit);
            group.Sum("a step", 1);
            if (transport.Rank == 2)
            {
                var error = new InvalidDataException("Row 5 is broken.");
                group.Fail(error);
                throw error;
            }

            group.Sum("a step", 1);
            return true;
        });
        Assert.IsType<InvalidDataException>(results[2].Error);
        foreach ((_, Exception? error) in results[..2])
            Assert.Equal("Process 2 of 3 has failed: Row 5 is broken.", Assert.IsType<InvalidOperationException>(error).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_cancellation_of_one_process_cancels_all(int canceled)
    {
        (bool, Exception? Error)[] results = ThreadProcesses.Run<bool>(2, transport =>
        {
            var group = new ProcessGroup(transport, _limit);
            if (transport.Rank == canceled)
                group.Cancel();
            else
                Assert.ThrowsAny<OperationCanceledException>(() => group.Sum("a step", 1));
            // All know it, and those that keep the best model end together.
            Assert.True(group.IsCanceled);
            group.Cancel();
            group.Fail(new OperationCanceledException());
            group.End();
            return true;
        });
        Assert.All(results, r => Assert.Null(r.Error));
    }

    [Fact]
    public void A_process_that_does_not_answer_is_named()
    {
        var limit = TimeSpan.FromSeconds(0.2);
        var waits = new List<(int From, TimeSpan Limit)>[4];
        (bool, Exception? Error)[] results = ThreadProcesses.Run<bool>(4, transport =>
        {
            if (transport.Rank is 1 or 3)
                return true;
            var silent = new SilentProcesses(transport, [1, 3]);
            waits[transport.Rank] = silent.Waits;
            new ProcessGroup(silent, limit).Sum("a step", 1);
            return false;
        });
        foreach (int rank in new[] { 0, 2 })
            Assert.StartsWith("Processes 1, 3 of 4 did not answer for 0.2 s (Distributed.Timeout)", results[rank].Error!.Message);
        // The limit is for all of them, and those that come after a silent one are still heard.
        Assert.Equal([1, 2, 3], waits[0].Select(wait => wait.From).Distinct());
        Assert.All(waits[0], wait => Assert.InRange(wait.Limit, TimeSpan.FromTicks(1), limit));
        // The others wait for longer, so that process 0 can name who is silent.
        Assert.Equal((0, 1.5 * limit), waits[2][0]);
    }

    [Fact]
    public void Without_process_0_the_others_end()
    {
        (bool, Exception? Error)[] results = ThreadProcesses.Run<bool>(2, transport =>
        {
            if (transport.Rank == 1)
                new ProcessGroup(transport, TimeSpan.FromSeconds(0.1)).Sum("a step", 1);
            return true;
        });
        Assert.StartsWith("Process 0 of 2 did not answer", Assert.IsType<TimeoutException>(results[1].Error).Message);
    }

    [Fact]
    public void Processes_at_different_places_are_told_so()
    {
        (bool, Exception? Error)[] results = ThreadProcesses.Run<bool>(2, transport =>
        {
            new ProcessGroup(transport, _limit).Sum(transport.Rank == 0 ? "here" : "there", 1);
            return true;
        });
        Assert.All(results, r => Assert.Contains("process 1 is at there, process 0 at here", r.Error!.Message));
    }

    [Theory]
    [InlineData("OMPI_COMM_WORLD_LOCAL_RANK", "3", 3)]
    [InlineData("MPI_LOCALRANKID", "2", 2)]
    [InlineData("SLURM_LOCALID", "1", 1)]
    [InlineData("SLURM_LOCALID", "x", 0)]
    [InlineData("OTHER", "4", 0)]
    public void The_number_on_a_machine_is_that_of_the_launcher(string variable, string value, int expected) =>
        Assert.Equal(expected, TorchDevices.LocalRank(name => name == variable ? value : null));

    /// <summary>Processes of which some never answer, and the others always, however long it takes on a busy machine.</summary>
    private sealed class SilentProcesses(IProcessTransport inner, int[] silent) : IProcessTransport
    {
        public List<(int From, TimeSpan Limit)> Waits { get; } = [];

        public int Rank => inner.Rank;

        public int Size => inner.Size;

        public bool LeavesProcessor
        {
            set => inner.LeavesProcessor = value;
        }

        public bool TrySend(int to, ReadOnlySpan<byte> bytes, TimeSpan timeout) => inner.TrySend(to, bytes, timeout);

        public bool TryReceive(int from, Span<byte> bytes, TimeSpan timeout)
        {
            Waits.Add((from, timeout));
            if (!silent.Contains(from))
                return inner.TryReceive(from, bytes, Eventually.Limit);
            Thread.Sleep(timeout);
            return false;
        }

        public bool TrySum(Span<float> values, TimeSpan timeout) => inner.TrySum(values, timeout);

        public bool TrySumInto(int to, Span<float> values, TimeSpan timeout) => inner.TrySumInto(to, values, timeout);

        public bool TryBroadcast(int from, Span<byte> bytes, TimeSpan timeout) => inner.TryBroadcast(from, bytes, timeout);

        public void Abandon() => inner.Abandon();

        public void Release() => inner.Release();
    }
}
