using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Exchanges by NCCL, with a substitute for it and for CUDA's driver that computes on the CPU.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class NcclTests : IDisposable
{
    // ncclUint8, ncclFloat32 and ncclSum of nccl.h; CU_STREAM_NON_BLOCKING of cuda.h.
    private const int Byte = 1;
    private const int Float32 = 7;
    private const int Sum = 0;
    private const int NonBlocking = 1;

    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    public NcclTests() => SubstituteNccl.Reset();

    public void Dispose() => SubstituteNccl.Reset();

    [Fact]
    public void The_arguments_are_those_of_the_headers()
    {
        TorchRuntime.EnsureLoaded();
        using var processes = new ThreadProcesses(1);
        using (DisposeScope scope = torch.NewDisposeScope())
        {
            using ProcessGroup group = Group(processes[0], _limit);
            string own = $"{SubstituteNccl.OwnStream}", libTorch = $"{SubstituteNccl.LibTorchStream}";
            Assert.Equal(
                [
                    $"cuStreamCreate {NonBlocking}", $"cuEventRecord {libTorch}", $"cuStreamWaitEvent {own} 0", "ncclCommInitRank 1 1 0",
                    "ncclGroupStart", $"ncclAllReduce 1 {Float32} {Sum} 100 {own}", "ncclGroupEnd", $"cuEventRecord {own}",
                ],
                SubstituteNccl.Calls);

            SubstituteNccl.Calls.Clear();
            group.Sum(torch.ones(5));
            Assert.Equal(
                [
                    $"cuEventRecord {libTorch}", $"cuStreamWaitEvent {own} 0", "ncclGroupStart",
                    $"ncclAllReduce 5 {Float32} {Sum} 100 {own}", "ncclGroupEnd", $"cuEventRecord {own}",
                ],
                SubstituteNccl.Calls);

            SubstituteNccl.Calls.Clear();
            group.SumIntoOwners("parts", [torch.ones(3)]);
            Assert.Contains($"ncclReduce 3 {Float32} {Sum} 0 100 {own}", SubstituteNccl.Calls);
            group.Broadcast("tensors", [torch.ones(3), torch.ones(2, torch.int64), torch.ones(4, torch.bfloat16), torch.ones(0)]);
            Assert.Equal(
                [$"ncclBroadcast 12 {Byte} 0 100 {own}", $"ncclBroadcast 16 {Byte} 0 100 {own}", $"ncclBroadcast 8 {Byte} 0 100 {own}"],
                SubstituteNccl.Calls.Where(c => c.StartsWith("ncclBroadcast", StringComparison.Ordinal)));
            SubstituteNccl.Calls.Clear();
        }

        Assert.Equal(["ncclCommDestroy 100", $"cuStreamDestroy {SubstituteNccl.OwnStream}"], SubstituteNccl.Calls);
        Assert.Equal(0, SubstituteNccl.Marks);
    }

    [Fact]
    public void A_bucket_waits_for_what_was_asked_before_its_mark()
    {
        TorchRuntime.EnsureLoaded();
        using var processes = new ThreadProcesses(1);
        using DisposeScope scope = torch.NewDisposeScope();
        using ProcessGroup group = Group(processes[0], _limit);
        SubstituteNccl.Calls.Clear();
        nint mark = group.Mark();
        Assert.NotEqual(0, mark);
        group.SumBucket(torch.ones(2), mark);
        group.SumBucket(torch.ones(3), group.Mark());
        // No second mark behind the first bucket, and nobody waits for it.
        Assert.Equal(2, SubstituteNccl.Count($"cuEventRecord {SubstituteNccl.LibTorchStream}"));
        Assert.Equal(0, SubstituteNccl.Count($"cuEventRecord {SubstituteNccl.OwnStream}"));
        Assert.False(group.CompleteBuckets());
        Assert.Equal(1, SubstituteNccl.Count($"cuEventRecord {SubstituteNccl.OwnStream}"));
        Assert.Equal(0, SubstituteNccl.Marks);
    }

    [Fact]
    public void Two_processes_have_the_sums_and_values_of_both()
    {
        float[][] results = ThreadProcesses.Results(2, transport =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using ProcessGroup group = Group(transport, _limit);
            int factor = transport.Rank + 1;
            torch.Tensor sum = torch.arange(7, torch.float32).mul(factor), turned = torch.ones(3, 2).mul(factor).t();
            group.Sum(sum);
            Assert.Equal(3, group.Sum("averages", [turned], factor));
            torch.Tensor[] parts = [torch.ones(2).mul(factor), torch.ones(3).mul(10 * factor), torch.ones(0)];
            group.SumIntoOwners("parts", parts[..2]);
            torch.Tensor[] weights = [torch.ones(2).mul(factor), torch.ones(1).mul(factor)];
            group.FromOwners("weights", weights);
            torch.Tensor steps = torch.ones(1, torch.int64).mul(factor), column = torch.ones(2, 3).mul(factor).narrow(1, 1, 1);
            group.Broadcast("tensors", [steps, column, parts[2]]);
            Assert.Equal(transport.Rank == 0 ? 3f : 30f, parts[transport.Rank].sum().item<float>() / parts[transport.Rank].numel());
            return new[] { sum, turned, weights[0], weights[1], steps.to(torch.float32), column }
                .SelectMany(t => TensorMemory.ToArray<float>(t)).ToArray();
        });
        float[] expected = [0, 3, 6, 9, 12, 15, 18, 3, 3, 3, 3, 3, 3, 1, 1, 2, 1, 1, 1];
        Assert.All(results, r => Assert.Equal(expected, r));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_training_has_the_weights_that_it_has_by_MPI(bool shards)
    {
        float[][] byMpi = ThreadProcesses.Results(2, transport => Train(transport, DistributedEngine.Mpi, shards));
        float[][] byNccl = ThreadProcesses.Results(2, transport => Train(transport, DistributedEngine.Nccl, shards));
        Assert.All(byNccl, weights => Assert.Equal(byMpi[0], weights));
        Assert.Equal(2, SubstituteNccl.Count("ncclCommDestroy"));
        Assert.Equal(0, SubstituteNccl.Count("ncclCommAbort"));
        Assert.Equal(0, SubstituteNccl.Marks);
        Assert.NotEqual(0, SubstituteNccl.Count(shards ? "ncclReduce " : "ncclAllReduce 72 "));
    }

    [Fact]
    public void An_exchange_that_does_not_end_is_aborted_after_the_time_limit()
    {
        TorchRuntime.EnsureLoaded();
        using var processes = new ThreadProcesses(1);
        using DisposeScope scope = torch.NewDisposeScope();
        ProcessGroup group = Group(processes[0], TimeSpan.FromSeconds(3));
        SubstituteNccl.Hangs = true;
        var error = Assert.Throws<TimeoutException>(() => group.Sum(torch.ones(2)));
        Assert.Equal(
            "A process of the training has not answered for 3 s (Distributed.Timeout) while values were exchanged by NCCL.",
            error.Message);
        Assert.Equal(1, SubstituteNccl.Count("ncclCommAbort"));
        Assert.Contains("earlier error", Assert.Throws<InvalidOperationException>(() => group.SumBucket(torch.ones(2), 0)).Message);
        group.Dispose();
        Assert.Equal(1, SubstituteNccl.Count("ncclCommAbort"));
        Assert.Equal(0, SubstituteNccl.Count("ncclCommDestroy"));
    }

    [Fact]
    public void A_lost_process_that_NCCL_notices_ends_the_exchange()
    {
        TorchRuntime.EnsureLoaded();
        using var processes = new ThreadProcesses(1);
        using DisposeScope scope = torch.NewDisposeScope();
        using ProcessGroup group = Group(processes[0], _limit);
        // ncclInProgress is none.
        (SubstituteNccl.Hangs, SubstituteNccl.AsyncError) = (true, 7);
        // ncclRemoteError, after some time.
        using var loss = new Timer(_ => SubstituteNccl.AsyncError = 6, null, 100, Timeout.Infinite);
        string message = Assert.Throws<InvalidOperationException>(() => group.Sum(torch.ones(2))).Message;
        Assert.Equal(
            "NCCL 2.27.5 has failed: remote process exited or there was a network error (the cable is cut). NCCL_DEBUG=WARN in the "
            + "environment shows more.", message);
        Assert.Equal(1, SubstituteNccl.Count("ncclCommAbort"));
    }

    [Fact]
    public void A_process_that_fails_ends_a_training_by_NCCL_with_its_name()
    {
        (float[]?, Exception? Error)[] results = ThreadProcesses.Run(2, transport =>
            Train(transport, DistributedEngine.Nccl, shards: false, broken: transport.Rank == 1));
        Assert.IsType<InvalidDataException>(results[1].Error);
        Assert.StartsWith("Process 1 of 2 has failed: ", results[0].Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Processes_with_one_GPU_are_named()
    {
        SubstituteNccl.HasOneGpu = true;
        (bool, Exception? Error)[] results = ThreadProcesses.Run(2, transport =>
        {
            using ProcessGroup group = Group(transport, _limit);
            return true;
        });
        Assert.All(results, r => Assert.StartsWith(
            "Distributed.Engine Nccl needs a GPU for each process, and processes 0, 1 have one, cpu of ", r.Error!.Message,
            StringComparison.Ordinal));
        Assert.All(results, r => Assert.Contains("start no more processes on a machine than it has GPUs", r.Error!.Message));
        Assert.Equal(0, SubstituteNccl.Count("ncclCommInitRank"));
    }

    [Fact]
    public void Other_versions_in_other_processes_are_named()
    {
        NcclExchange.Place[] places =
            [new("2.27.5", "a", "cuda:0 of x"), new("2.27.5", "b", "cuda:1 of x"), new("2.26.2", "c", "cuda:0 of y")];
        Assert.Equal(
            "Process 2 has NCCL 2.26.2 and process 0 2.27.5: Distributed.Engine Nccl needs one version.", NcclExchange.FindProblem(places));
        Assert.Null(NcclExchange.FindProblem(places[..2]));
    }

    [Fact]
    public void A_training_on_the_CPU_is_refused_before_it_reads_data()
    {
        var ml = new MLContext { GpuDeviceId = -1, FallbackToCpu = true };
        using var processes = new ThreadProcesses(1);
        VaeOptions options = SmallVae.Options();
        options.Distributed = new DistributedOptions { Engine = DistributedEngine.Nccl, Transport = processes[0] };
        IDataView rows = ml.Data.FilterByCustomPredicate(
            SmallVae.Data(ml), (SmallVae.Row _) => throw new InvalidDataException("Read."));
        Assert.Equal(
            "Distributed.Engine Nccl works between GPUs, and process 0 trains on the CPU: set it to Mpi, or see "
            + "MLContext.Generative().Devices.CudaProblem.",
            Assert.Throws<InvalidOperationException>(() => ml.Transforms.Generative().Vae(options).Fit(rows)).Message);
    }

    [Theory]
    [InlineData(21212, "2.12.12")]
    [InlineData(2804, "2.8.4")]
    public void A_version_that_is_too_old_is_named(int version, string name)
    {
        SubstituteNccl.Version = version;
        string message = Assert.Throws<InvalidOperationException>(() => new NcclLibrary(SubstituteNccl.Functions)).Message;
        Assert.StartsWith(
            $"Distributed.Engine is Nccl, and NCCL has version {name}; 2.13.0 or later is needed. Install it", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_library_says_what_to_install()
    {
        string message = Assert.Throws<InvalidOperationException>(() => NcclLibrary.Load(["/none/libnccl.so.2"])).Message;
        Assert.StartsWith(
            "Distributed.Engine is Nccl, and none of /none/libnccl.so.2 could be loaded. Install it", message, StringComparison.Ordinal);
        Assert.Contains("apt install libnccl2", message, StringComparison.Ordinal);
        Assert.EndsWith("or set Distributed.Engine to Mpi.", message, StringComparison.Ordinal);
    }

    [LinuxFact]
    public void The_library_is_looked_for_beside_PyTorch() => Assert.Equal(
        ["libnccl.so.2", "/e/site-packages/torch/lib/libnccl.so.2", "/e/site-packages/nvidia/nccl/lib/libnccl.so.2"],
        NcclLibrary.Candidates("/e/site-packages/torch/lib"));

    // The id is a structure that is passed by value.
    [LinuxFact]
    public void A_library_in_C_is_called_as_its_header_says()
    {
        using var folder = new TemporaryFolder();
        string source = folder.File("nccl.c"), library = folder.File("libnccl.so.2");
        File.WriteAllText(source, """
            #include <stddef.h>
            #include <string.h>
            typedef struct { char internal[128]; } ncclUniqueId;
            static char said[256];
            int ncclGetVersion(int *version) { *version = 22705; return 0; }
            int ncclGetUniqueId(ncclUniqueId *id) { for (int i = 0; i < 128; i++) id->internal[i] = (char)(i + 1); return 0; }
            int ncclCommInitRank(void **comm, int nranks, ncclUniqueId id, int rank) {
                for (int i = 0; i < 128; i++) if (id.internal[i] != (char)(i + 1)) return 4;
                *comm = said;
                return nranks == 3 && rank == 2 ? 0 : 5;
            }
            int ncclAllReduce(const void *send, void *recv, size_t count, int type, int op, void *comm, void *stream) {
                if (send != recv || type != 7 || op != 0 || comm != said || stream != (void *)9) return 4;
                for (size_t i = 0; i < count; i++) ((float *)recv)[i] *= 2;
                return 0;
            }
            int ncclReduce(const void *s, void *r, size_t n, int type, int op, int root, void *comm, void *stream) {
                return s == r && n == 5 && type == 7 && op == 0 && root == 1 && comm == said && stream == (void *)9 ? 0 : 4;
            }
            int ncclBroadcast(const void *s, void *r, size_t n, int type, int root, void *comm, void *stream) {
                return s == r && n == 6 && type == 1 && root == 2 && comm == said && stream == (void *)9 ? 0 : 4;
            }
            int ncclGroupStart(void) { return 0; }
            int ncclGroupEnd(void) { return 0; }
            int ncclCommGetAsyncError(void *comm, int *error) { *error = comm == said ? 6 : 0; return 0; }
            int ncclCommAbort(void *comm) { return 0; }
            int ncclCommDestroy(void *comm) { return 0; }
            const char *ncclGetErrorString(int result) { return result == 6 ? "remote" : "other"; }
            const char *ncclGetLastError(void *comm) { return NULL; }
            """);
        if (!Compiles(source, library))
            return;
        NcclLibrary nccl = NcclLibrary.Load([library]);
        Assert.Equal("2.27.5", nccl.Version);
        nint communicator = nccl.Connect(3, nccl.NewId(), 2);
        var values = new float[] { 1, 2, 3, 4, 5 };
        GCHandle pinned = GCHandle.Alloc(values, GCHandleType.Pinned);
        nccl.Group(() =>
        {
            nccl.AllReduce(pinned.AddrOfPinnedObject(), 5, communicator, 9);
            nccl.Reduce(pinned.AddrOfPinnedObject(), 5, 1, communicator, 9);
            nccl.Broadcast(pinned.AddrOfPinnedObject(), 6, 2, communicator, 9);
        });
        pinned.Free();
        Assert.Equal([2, 4, 6, 8, 10], values);
        Assert.StartsWith(
            "NCCL 2.27.5 has failed: remote. ", Assert.Throws<InvalidOperationException>(() => nccl.CheckConnection(communicator)).Message,
            StringComparison.Ordinal);
    }

    private static bool Compiles(string source, string library)
    {
        try
        {
            using Process process = Process.Start("cc", ["-shared", "-fPIC", "-o", library, source]);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            return true;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static DistributedOptions Options(IProcessTransport transport, DistributedEngine engine, TimeSpan limit) =>
        new() { Engine = engine, Transport = transport, NativeFunctions = SubstituteNccl.Functions, Timeout = limit };

    private static ProcessGroup Group(IProcessTransport transport, TimeSpan limit)
    {
        DistributedOptions options = Options(transport, DistributedEngine.Nccl, limit);
        ProcessGroup group = ProcessGroup.Join(options)!;
        group.UseEngine(options, torch.CPU);
        return group;
    }

    private static float[] Train(IProcessTransport transport, DistributedEngine engine, bool shards, bool broken = false)
    {
        var ml = new MLContext { GpuDeviceId = -1, FallbackToCpu = true };
        VaeOptions options = SmallVae.Options();
        (options.MaxSteps, options.EmaDecay) = (12, 0.9);
        options.Distributed = Options(transport, engine, _limit);
        (options.Distributed.ShardOptimizer, options.Distributed.BucketSize) = (shards, 1);
        return SmallVae.Train(ml, options, SmallVae.Data(ml, broken: broken ? 9 : null));
    }
}
