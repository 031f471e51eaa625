using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Contention;
using Microsoft.ML.Generative.Training.Checkpoints;
using Microsoft.ML.Generative.Training.Distributed;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// One call of <c>Fit</c>, from the checks before it to its end: the device, the seed, the threads, and the checkpoints that it resumes
/// from.
/// </summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly TerminationRequest? _termination;
    private readonly IDisposable? _waiting;

    private TrainingRun(
        IHost host, TrainingOptions options, torch.Device device, long seed, int? threads, CheckpointFolder? checkpoints,
        ProcessGroup? group, int processes)
    {
        Host = host;
        Options = options;
        Device = device;
        Seed = seed;
        Checkpoints = checkpoints;
        Group = group;
        Processes = processes;
        Exchange = group is null ? SingleProcess.Instance : group;
        Threads = TorchThreads.Scope(threads);
        _waiting = device.type == DeviceType.CPU ? ThreadWaiting.Adapt(Threads.Threads) : null;
        _termination = options.Checkpoints is null ? null : new TerminationRequest();
    }

    public IHost Host { get; }

    public TrainingOptions Options { get; }

    public torch.Device Device { get; }

    /// <summary>The seed of all random numbers.</summary>
    public long Seed { get; }

    public CheckpointFolder? Checkpoints { get; }

    /// <summary>The number of threads that the training computes with, in turns with trainings that have another.</summary>
    public ThreadCount Threads { get; }

    /// <summary>The processes of the training, if it has several.</summary>
    public ProcessGroup? Group { get; }

    /// <summary>The processes that share the state of optimizers, if they do.</summary>
    public ProcessGroup? Shards => Options.Distributed?.ShardOptimizer == true ? Group : null;

    /// <summary>Whether this process validates, reports and writes files.</summary>
    public bool IsLeader => Group?.IsLeader ?? true;

    /// <summary>
    /// The processes that the training began with. A step has their batches, whatever number of processes resumes it and shares them.
    /// </summary>
    public int Processes { get; }

    /// <summary>Exchanges gradients with the other processes of the training, if there are any.</summary>
    public IGradientExchange Exchange { get; set; }

    /// <summary>Measures the time of steps.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <param name="env">The environment of the context, which knows its GPU.</param>
    /// <param name="host">The estimator's host.</param>
    /// <param name="options">Checked options.</param>
    /// <exception cref="InvalidOperationException">
    /// libtorch, the GPU or the processes asked for are missing, or the checkpoints are of a training with other options.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    public static TrainingRun Open(IHostEnvironment env, IHost host, TrainingOptions options)
    {
        TorchRuntime.EnsureLoaded();
        ProcessGroup? group = ProcessGroup.Join(options.Distributed);
        try
        {
            return Prepare(env, host, options, group, group?.IsLeader ?? true);
        }
        catch (Exception e)
        {
            group?.Fail(e);
            group?.Dispose();
            throw;
        }
    }

    private static TrainingRun Prepare(
        IHostEnvironment env, IHost host, TrainingOptions options, ProcessGroup? group, bool isLeader)
    {
        using IChannel channel = host.Start("Preparing");
        if (isLeader && options.TensorBoardDirectory is { } directory)
            WritableFolder.Prepare(directory, nameof(TrainingOptions.TensorBoardDirectory));
        if (isLeader && options.PreviewDirectory is { } samples)
            WritableFolder.Prepare(samples, nameof(ImageTrainingOptions.SampleDirectory));
        torch.Device device = TorchDevices.Choose(env, channel, isShared: group is not null);
        options.IsOnGpu = device.type != DeviceType.CPU;
        foreach (string setting in SlowSettings.Find(options, device.type))
            channel.Warning(setting);
        long? seedAskedFor = options.Seed ?? (host as IHostEnvironmentInternal)?.Seed;
        CheckpointFolder? checkpoints = options.Checkpoints is null || !isLeader ? null : new CheckpointFolder(options.Checkpoints);
        try
        {
            CheckpointState? earlier = null;
            if (checkpoints?.FindEarlier(channel) is { } newest)
            {
                earlier = newest.State;
                SavedOptions.Check(newest.Path, earlier, options, seedAskedFor);
            }

            NativeHeap.KeepFreedMemory();
            int? threads = options.Threads ?? earlier?.Threads;
            if (earlier is not null && threads != earlier.Threads)
            {
                channel.Warning(
                    $"The training began with {earlier.Threads} threads and resumes with {threads}: sums may be rounded differently than "
                    + "without the interruption.");
            }

            // Who names a seed expects the same weights again: then the number of threads, which rounds sums, must not follow from a
            // timing.
            if (threads is null && seedAskedFor is null && device.type == DeviceType.CPU)
                threads = TorchThreads.Measure();
            long seed = seedAskedFor ?? earlier?.Seed ?? SeedSequence.Choose(host, null);
            int processes = earlier is null ? group?.Size ?? 1 : earlier.Processes ?? 1;
            if (group is not null)
            {
                var shared = new SharedOptions(
                    seed, processes, SavedOptions.Of(options), options.OnCancel, SharedOptions.Exchange.Of(options.Distributed!));
                (seed, processes) = shared.Share(group, seedAskedFor);
                group.UseEngine(options.Distributed!, device);
            }

            if (group is not null && options.Distributed!.SynchronizeBatchNormalization && group.Size != processes)
            {
                throw new InvalidOperationException(
                    $"The training began with {processes} processes and resumes with {group.Size}: with "
                    + $"{nameof(TrainingOptions.Distributed)}.{nameof(DistributedOptions.SynchronizeBatchNormalization)}, whose statistics "
                    + "are those of the batches of all processes, it needs as many as it began with.");
            }

            if (isLeader && group?.Size > processes * options.GradientAccumulationSteps)
            {
                channel.Warning(
                    $"The training began with {processes} processes, and a step has {processes * options.GradientAccumulationSteps} "
                    + $"batches: of the {group.Size} processes that resume it, some have nothing to compute.");
            }

            return new TrainingRun(host, options, device, seed, threads, checkpoints, group, processes);
        }
        catch
        {
            checkpoints?.Dispose();
            throw;
        }
    }

    /// <summary>Reads the rows to train on, within their part of the memory budget.</summary>
    /// <inheritdoc cref="TensorSource.Read" path="/exception"/>
    public TensorSource ReadData(IDataView data, IReadOnlyList<TensorColumn> columns) =>
        TensorSource.Read(Host, data, columns, DataBudget, Options.CancellationToken);

    /// <summary>Reads the rows to validate on, within their part of the memory budget.</summary>
    /// <inheritdoc cref="TensorSource.Read" path="/exception"/>
    public TensorSource? ReadValidationData(IReadOnlyList<TensorColumn> columns) =>
        ReadValidation(data => TensorSource.Read(Host, data, columns, ValidationBudget, Options.CancellationToken));

    /// <summary>Reads the rows to validate on, if there are some; errors name the option.</summary>
    /// <param name="read">Reads them, within <see cref="ValidationBudget"/>.</param>
    /// <exception cref="ArgumentException">There is no row, or none that can be used.</exception>
    /// <exception cref="InvalidDataException">A row cannot be used.</exception>
    public TRows? ReadValidation<TRows>(Func<IDataView, TRows> read)
        where TRows : class
    {
        const string Option = nameof(Options.ValidationData);
        try
        {
            return Options.ValidationData is { } data ? read(data) : null;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{Option} cannot be used. {e.Message}", e);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{Option} cannot be used. {e.Message}", e);
        }
    }

    /// <summary>Bytes that the rows to train on may take.</summary>
    public long DataBudget => Options.ValidationData is null ? Options.RowMemory : Options.RowMemory / 4 * 3;

    /// <summary>Bytes that the rows to validate on may take.</summary>
    public long ValidationBudget => Options.RowMemory / 4;

    /// <summary>Whether the system has asked this process to end, which a training with checkpoints does in order.</summary>
    public bool IsTerminating => _termination?.IsReceived == true;

    /// <summary>Whether the context or the token was canceled, or the process is to end.</summary>
    public bool IsCanceled()
    {
        try
        {
            StopIfCancelled();
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    /// <exception cref="OperationCanceledException">
    /// The context or the token was canceled, or the process is to end.
    /// </exception>
    public void StopIfCancelled()
    {
        if (IsTerminating)
            throw new OperationCanceledException(TerminationRequest.Message);
        Host.CheckAlive();
        Options.CancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Visits a source's batches once, in the order of its first epoch, each in a dispose scope of its own.</summary>
    /// <param name="name">What is done, for the log, where it takes long.</param>
    /// <param name="batches">The batches.</param>
    /// <param name="visit">Called with each.</param>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public void ForEachBatch(string name, IBatchSource batches, Action<TensorBatch> visit)
    {
        var lines = new TimedLines(Host, name);
        batches.StartEpoch(0);
        for (long i = 0; i < batches.BatchesPerEpoch; i++)
        {
            StopIfCancelled();
            lines.Write(i, batches.BatchesPerEpoch, "batches");
            using DisposeScope scope = torch.NewDisposeScope();
            TensorBatch batch = batches.Next();
            using IDisposable turn = Threads.Turn();
            visit(batch);
        }
    }

    public void Dispose()
    {
        _termination?.Dispose();
        _waiting?.Dispose();
        Threads.Dispose();
        Checkpoints?.Dispose();
        Group?.Dispose();
        NativeHeap.ReturnFreedMemory();
    }

    public static InvalidOperationException Refuse(string path, string differences) => new(
        $"The checkpoint '{path}' is of another training: {differences}. Set what it had, or give this training a folder of its own.");

    public static string Difference(string what, string before, string now) => $"{what} was {before} and is {now}";
}
