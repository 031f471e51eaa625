using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training.Reporting;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// What every <c>Fit</c> has in common: it opens the run, reads the data, creates the networks, runs the loops and releases what only the
/// training needs, or everything if it fails. A model contributes its networks, its phases, its preview and its transformer.
/// </summary>
internal sealed class Trainer
{
    private const int MostTensors = 20_000;

    private readonly List<IDisposable> _temporary = [];
    private readonly List<torch.nn.Module> _modelNetworks = [];

    private Trainer(TrainingRun run) => Run = run;

    public TrainingRun Run { get; }

    public torch.Device Device => Run.Device;

    /// <inheritdoc cref="TrainingRun.Seed"/>
    public long Seed => Run.Seed;

    /// <summary>Trains a model.</summary>
    /// <param name="env">The environment of the context, which knows its GPU.</param>
    /// <param name="host">The estimator's host.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="train">Reads the data, creates the networks, trains them and makes the model of them.</param>
    /// <inheritdoc cref="TrainingRun.Open" path="/exception"/>
    public static TModel Fit<TModel>(IHostEnvironment env, IHost host, TrainingOptions options, Func<Trainer, TModel> train)
    {
        using TrainingRun run = TrainingRun.Open(env, host, options);
        var trainer = new Trainer(run);
        bool isTrained = false;
        try
        {
            TModel model = train(trainer);
            run.Group?.End();
            isTrained = true;
            options.Checkpoints?.CountModel();
            return model;
        }
        catch (Exception e)
        {
            run.Group?.Fail(e);
            throw;
        }
        finally
        {
            // Buffers first: they let go of their networks' gradients.
            trainer.Release([.. trainer._temporary]);
            foreach (torch.nn.Module network in isTrained ? [] : trainer._modelNetworks)
                network.Dispose();
        }
    }

    /// <summary>Reads the rows to train on and, if there are any, the rows to validate on.</summary>
    /// <param name="input">The training data.</param>
    /// <param name="columns">The columns to read.</param>
    /// <param name="validationColumns">The same columns of the validation data, or <see langword="null"/> if there is none.</param>
    /// <inheritdoc cref="TensorSource.Read" path="/exception"/>
    public TrainingData Read(IDataView input, IReadOnlyList<TensorColumn> columns, IReadOnlyList<TensorColumn>? validationColumns)
    {
        TensorSource rows = Own(Run.ReadData(input, columns));
        TensorSource? validationRows = validationColumns is null ? null : Own(Run.ReadValidationData(validationColumns)!);
        TrainingOptions options = Run.Options;
        CheckBatch(Math.Min(RowsOfStep, rows.Count), columns.Sum(c => (long)c.Elements));
        return new TrainingData(
            rows, validationRows,
            rows.Batches(options.BatchSize, options.Shuffle, Seed, Device),
            validationRows?.Batches(options.BatchSize, shuffle: false, Seed, Device));
    }

    /// <summary>
    /// Creates the model's network on the training's device, with the weights of the base model, or from the training's seed if there is
    /// none, and freezes the parameters that the options name.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The network does not fit the memory that the process may use, or <see cref="TrainingOptions.FrozenParameters"/> matches no
    /// parameter, or all of them.
    /// </exception>
    public TNetwork CreateNetwork<TNetwork>(Func<TNetwork> create)
        where TNetwork : torch.nn.Module
    {
        CheckSize(create);
        using IDisposable turn = Run.Threads.Turn();
        TNetwork network = TorchSeed.Initialize(Seed, create);
        _modelNetworks.Add(network);
        if (Run.Options.Base is { } model)
        {
            using IDisposable use = model.Use();
            ModuleWeights.Copy(model.Network, network);
        }

        network.to(Device);
        FrozenParameters.Apply(network, Run.Options.FrozenParameters);
        return network;
    }

    /// <summary>Creates a network that only the training needs.</summary>
    /// <param name="create">Creates it.</param>
    /// <param name="stream">The stream of the training's seed that its weights come from; another one than 0.</param>
    public TNetwork CreateTemporaryNetwork<TNetwork>(Func<TNetwork> create, long stream)
        where TNetwork : torch.nn.Module
    {
        using IDisposable turn = Run.Threads.Turn();
        TNetwork network = Own(TorchSeed.Initialize(SeedSequence.Derive(Seed, stream), create));
        network.to(Device);
        return network;
    }

    /// <summary>Prepares a network, or a part of one, for training.</summary>
    /// <param name="name">The name in messages, checkpoints and TensorBoard.</param>
    /// <param name="module">The network, on its device.</param>
    /// <param name="options">The optimizer's options. Default: the training's.</param>
    public TrainedNetwork Prepare(string name, torch.nn.Module module, TrainingOptions? options = null) =>
        Own(new TrainedNetwork(name, module, options ?? Run.Options, Run.Shards));

    /// <summary>Runs one loop. Afterwards the networks hold their final weights, and the preview is disposed of.</summary>
    /// <inheritdoc cref="TrainingLoop" path="/param"/>
    /// <inheritdoc cref="TrainingLoop.Run" path="/exception"/>
    public void Train(
        IReadOnlyList<TrainingPhase> phases, IBatchSource? validation, ITrainingPreview? preview = null, TrainingOptions? options = null,
        TrainingStage stage = default)
    {
        if (preview is not null)
            Own(preview);
        new TrainingLoop(Run, phases, validation, options, preview, stage).Run();
        // A model that is trained in several loops has one loop's optimizer in memory at a time.
        Release([.. phases.Select(p => p.Network).Distinct(), .. preview is null ? (IDisposable[])[] : [preview]]);
    }

    /// <summary>The rows of a step, if the data has as many: all its batches are there at once.</summary>
    public long RowsOfStep => (long)Run.Options.BatchSize * Run.Options.GradientAccumulationSteps;

    /// <summary>Checks that the rows of a step fit the memory that the process may use.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="values">The values of a row.</param>
    /// <param name="times">An option that multiplies them.</param>
    /// <exception cref="ArgumentException">
    /// It does not; the message names <see cref="TrainingOptions.BatchSize"/>, and the other option.
    /// </exception>
    public void CheckBatch(long rows, long values, (string Option, int Count)? times = null)
    {
        Int128 bytes = (Int128)rows * values * (times?.Count ?? 1) * sizeof(float);
        if (bytes > MemoryLimit.Bytes)
        {
            int batches = Run.Options.GradientAccumulationSteps;
            string several = batches > 1 ? $" and {nameof(TrainingOptions.GradientAccumulationSteps)} {batches}" : "";
            string other = times is { } given ? $" and {given.Option} {given.Count}" : "";
            throw new ArgumentException(
                $"{nameof(TrainingOptions.BatchSize)} is {Run.Options.BatchSize}{several}{other}: "
                + $"a batch takes {MemoryLimit.Describe(bytes)}, and the process may use {MemoryLimit.Describe(MemoryLimit.Bytes)}.");
        }
    }

    /// <summary>
    /// Checks that a network fits the memory that the process may use, with gradients and what the optimizer and the moving average keep
    /// of each weight.
    /// </summary>
    /// <exception cref="ArgumentException">It does not; the message names the options that its size follows from.</exception>
    public void CheckSize(Func<torch.nn.Module> create)
    {
        TrainingOptions options = Run.Options;
        // Frozen parameters are there once.
        int copies = options.FrozenParameters.Length > 0
            ? 1
            : 2 + (options.Optimizer == OptimizerKind.Sgd ? 1 : 2) + (options.EmaDecay is null ? 0 : 1);
        try
        {
            ModuleTensors.WithoutMemory(MemoryLimit.Bytes / copies, MostTensors, create).Dispose();
        }
        catch (Exception e) when (e is ModuleTooLargeException or OverflowException)
        {
            throw new ArgumentException(
                $"The network has more than {MemoryLimit.Bytes / copies / sizeof(float):N0} parameters or {MostTensors:N0} tensors: "
                + $"with gradients and the optimizer's state it takes more than the {MemoryLimit.Describe(MemoryLimit.Bytes)} "
                + "that the process may use. "
                + $"Lower {BaseOptions.Describe(options, options.SizeOptions)}.", e);
        }
    }

    private T Own<T>(T disposable)
        where T : IDisposable
    {
        _temporary.Add(disposable);
        return disposable;
    }

    private void Release(IReadOnlyList<IDisposable> disposables)
    {
        foreach (IDisposable disposable in disposables.Reverse())
        {
            _temporary.Remove(disposable);
            disposable.Dispose();
        }
    }
}
