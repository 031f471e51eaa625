using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Distributed;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>NCCL with a single process, which says whether it is found, connects, and takes libtorch's tensors in order.</summary>
internal static class NcclChecks
{
    private const int Length = 1_000_003;
    private const double Tolerance = 1e-3;

    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    public static object Exchange(Family family)
    {
        MLContext ml = Outputs.Context();
        if (ml.Generative().Devices.CudaProblem is { } problem)
            throw new CheckSkippedException(problem);
        NcclLibrary nccl;
        try
        {
            nccl = NcclLibrary.Load();
        }
        catch (InvalidOperationException e)
        {
            throw new CheckSkippedException(e.Message);
        }

        CarryTensors(TorchDevices.Choose((IHostEnvironment)ml));
        SortedDictionary<long, double> alone = [], exchanged = [];
        ((IDisposable)family.Fit(ml, _ => { }, alone)).Dispose();
        // Each matrix is a bucket, on its way while others are computed.
        ((IDisposable)family.Fit(ml, o => o.Distributed = Options(bucketSize: 1), exchanged)).Dispose();
        double loss = exchanged.Max(e => Math.Abs(e.Value - alone[e.Key]) / Math.Max(1e-2, Math.Abs(alone[e.Key])));
        var figures = new { nccl = nccl.Version, steps = exchanged.Count, loss_difference = loss };
        return loss <= Tolerance ? figures : throw new CheckFailedException("A training by NCCL has other losses.", figures);
    }

    private static void CarryTensors(torch.Device device)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        DistributedOptions options = Options(new DistributedOptions().BucketSize);
        using ProcessGroup group = ProcessGroup.Join(options)!;
        group.UseEngine(options, device);
        torch.Tensor values = torch.arange(Length, torch.float32, device), expected = values.clone();
        torch.Tensor steps = torch.arange(3, torch.int64, device), rows = torch.ones([3, 2], device: device).t();
        group.Sum(values);
        group.SumIntoOwners("parts", [values.narrow(0, 0, Length / 2)]);
        group.FromOwners("weights", [values.narrow(0, 1, Length / 2)]);
        group.Broadcast("tensors", [values, steps, rows]);
        if ((values - expected).abs().max().ToDouble() != 0 || steps.sum().ToInt64() != 3 || rows.sum().ToDouble() != 6)
            throw new CheckFailedException("Values are others after an exchange with nobody.");
    }

    private static DistributedOptions Options(long bucketSize) =>
        new() { Engine = DistributedEngine.Nccl, Transport = new SoleProcess(), Timeout = _limit, BucketSize = bucketSize };
}
