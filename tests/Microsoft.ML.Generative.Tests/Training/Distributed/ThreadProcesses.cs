using System.Collections.Concurrent;
using Microsoft.ML.Generative.Training.Distributed;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Processes of a training that are threads of this one.</summary>
internal sealed class ThreadProcesses(int size) : IDisposable
{
    private readonly ConcurrentDictionary<(int From, int To), BlockingCollection<byte[]>> _sent = new();
    private readonly Barrier _barrier = new(size);
    private readonly byte[][] _parts = new byte[size][];

    public IProcessTransport this[int rank] => new Transport(this, rank);

    /// <summary>Does something in each process; the results or errors in the order of their numbers.</summary>
    public static (T? Result, Exception? Error)[] Run<T>(int size, Func<IProcessTransport, T> work)
    {
        TorchRuntime.EnsureLoaded();
        using var processes = new ThreadProcesses(size);
        var results = new (T? Result, Exception? Error)[size];
        Thread[] threads = [.. Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                results[rank].Result = work(processes[rank]);
            }
            catch (Exception e)
            {
                results[rank].Error = e;
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            Assert.True(thread.Join(TimeSpan.FromMinutes(2)), "A process hangs.");
        return results;
    }

    /// <summary>The results of <see cref="Run"/>, which must not have errors.</summary>
    public static T[] Results<T>(int size, Func<IProcessTransport, T> work) => [.. Run(size, work).Select(r =>
    {
        Assert.Null(r.Error);
        return r.Result!;
    })];

    public void Dispose() => _barrier.Dispose();

    private BlockingCollection<byte[]> Queue(int from, int to) => _sent.GetOrAdd((from, to), _ => []);

    private sealed class Transport(ThreadProcesses owner, int rank) : IProcessTransport
    {
        public int Rank => rank;

        public int Size => owner._parts.Length;

        public bool LeavesProcessor
        {
            set
            {
            }
        }

        public bool TrySend(int to, ReadOnlySpan<byte> bytes, TimeSpan timeout)
        {
            owner.Queue(rank, to).Add(bytes.ToArray());
            return true;
        }

        public bool TryReceive(int from, Span<byte> bytes, TimeSpan timeout)
        {
            if (!owner.Queue(from, rank).TryTake(out byte[]? received, timeout))
                return false;
            Assert.Equal(bytes.Length, received.Length);
            received.CopyTo(bytes);
            return true;
        }

        public bool TrySum(Span<float> values, TimeSpan timeout)
        {
            owner._parts[rank] = System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray();
            if (!owner._barrier.SignalAndWait(timeout))
                return false;
            for (int i = 0; i < values.Length; i++)
                values[i] = owner._parts.Sum(part => BitConverter.ToSingle(part, i * sizeof(float)));
            return owner._barrier.SignalAndWait(timeout);
        }

        public bool TrySumInto(int to, Span<float> values, TimeSpan timeout)
        {
            float[] own = values.ToArray();
            bool hasAll = TrySum(values, timeout);
            if (to != rank)
                own.CopyTo(values);
            return hasAll;
        }

        public bool TryBroadcast(int from, Span<byte> bytes, TimeSpan timeout)
        {
            owner._parts[rank] = bytes.ToArray();
            if (!owner._barrier.SignalAndWait(timeout))
                return false;
            owner._parts[from].CopyTo(bytes);
            return owner._barrier.SignalAndWait(timeout);
        }

        public void Abandon()
        {
        }

        public void Release()
        {
        }
    }
}
