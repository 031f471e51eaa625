using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Training.Distributed;

namespace Microsoft.ML.Generative;

/// <summary>What the processes of a training exchange their gradients with.</summary>
public enum DistributedEngine
{
    /// <summary>
    /// The Message Passing Interface: Open MPI, MPICH, or a library with the standard binary interface of MPI 5, as found on the machine.
    /// </summary>
    Mpi,

    /// <summary>
    /// NVIDIA's NCCL between GPUs, one for each process: gradients, weights and averages go from one to the other. MPI starts the processes
    /// all the same, and exchanges what is on the CPU. On Linux, with <c>libnccl.so.2</c> 2.13 or later.
    /// </summary>
    Nccl,
}

/// <summary>
/// One training in several processes, on one machine or many: each learns from its part of the rows of a step, and all take the same step.
/// </summary>
/// <remarks>
/// The same program is started several times by <c>mpirun -n 4 dotnet train.dll</c>, Slurm's <c>srun</c> or the Kubernetes MPI Operator.
/// <see cref="TrainingOptions.BatchSize"/> is that of one process. A step of n processes sees the rows that one process would see with n
/// times as many <see cref="TrainingOptions.GradientAccumulationSteps"/>, with the same noise. All processes read the same data and return
/// the same model; process 0 alone validates, reports and writes files. An error, a cancellation or a process that no longer answers ends
/// the training in all of them.
/// </remarks>
/// <example>
/// <code>
/// var options = new VaeOptions { Seed = 1, Distributed = new DistributedOptions() };
/// using VaeTransformer model = mlContext.Transforms.Generative().Vae(options).Fit(data);   // in each of the processes
/// </code>
/// </example>
public sealed class DistributedOptions
{
    private const long DefaultBucketSize = 25 * 1024 * 1024;

    internal static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(30);

    /// <summary>The engine. Default: <see cref="DistributedEngine.Mpi"/>.</summary>
    public DistributedEngine Engine { get; set; } = DistributedEngine.Mpi;

    /// <summary>
    /// How long a process waits for the others, above 0, before it ends the training with an error that names those that do not answer.
    /// What only process 0 does (validation, previews, checkpoints) has to be faster. Default: 30 minutes.
    /// </summary>
    public TimeSpan Timeout { get; set; } = DefaultTimeout;

    /// <summary>
    /// Whether each process updates a part of the weights, and keeps the optimizer's state of that part alone (ZeRO, stage 1): with n
    /// processes, 1/n of the memory. The weights are the same. Process 0 gathers the state while it writes a checkpoint. Default: false,
    /// each process updates all weights.
    /// </summary>
    public bool ShardOptimizer { get; set; }

    /// <summary>
    /// The least bytes of a bucket of gradients, above 0. A bucket is exchanged as soon as the backward pass has its gradients, while it
    /// computes those of earlier layers. A network with gradients for less than two buckets exchanges them after the backward pass. The
    /// weights are the same; with more than two processes they may be rounded differently. Default:
    /// 26,214,400 (25 MB), as in PyTorch.
    /// </summary>
    public long BucketSize { get; set; } = DefaultBucketSize;

    /// <summary>
    /// Whether batch normalization uses the mean and variance of the batches of all processes, as one process does with a batch of all
    /// their rows, instead of those of its own. They are exchanged in each layer, forward and backward, and gradients after the backward
    /// pass. For batches of a few rows. Default: false.
    /// </summary>
    public bool SynchronizeBatchNormalization { get; set; }

    /// <summary>What carries bytes between the processes, in place of MPI.</summary>
    internal IProcessTransport? Transport { get; set; }

    /// <summary>The functions of NCCL and of CUDA's driver by their names, in place of those of the machine.</summary>
    internal Func<string, nint>? NativeFunctions { get; set; }

    /// <summary>How long gradients were on their way, of this object and its copies.</summary>
    internal ExchangeTimes Times { get; } = new();

    internal void Validate()
    {
        OptionChecks.Defined(Engine, $"{nameof(TrainingOptions.Distributed)}.{nameof(Engine)}");
        OptionChecks.Positive(Timeout.TotalSeconds, $"{nameof(TrainingOptions.Distributed)}.{nameof(Timeout)}");
        OptionChecks.Positive(BucketSize, $"{nameof(TrainingOptions.Distributed)}.{nameof(BucketSize)}");
    }

    internal DistributedOptions Copy() => (DistributedOptions)MemberwiseClone();
}
