using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>How the gradient becomes a step.</summary>
public enum OptimizerKind
{
    /// <summary>Adam (Kingma, Ba 2014), weight decay added to the gradient.</summary>
    Adam,

    /// <summary>Adam with decoupled weight decay (Loshchilov, Hutter 2017).</summary>
    AdamW,

    /// <summary>Stochastic gradient descent with momentum, weight decay added to the gradient.</summary>
    Sgd,
}

/// <summary>How the learning rate changes after the warm-up.</summary>
public enum LearningRateSchedule
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>Half a cosine down to <see cref="TrainingOptions.FinalLearningRate"/> (Loshchilov, Hutter 2016).</summary>
    Cosine,

    /// <summary>A straight line down to <see cref="TrainingOptions.FinalLearningRate"/>.</summary>
    Linear,
}

/// <summary>What a training does when its <see cref="TrainingOptions.CancellationToken"/> is canceled.</summary>
public enum CancellationBehavior
{
    /// <summary><c>Fit</c> throws <see cref="OperationCanceledException"/>.</summary>
    Throw,

    /// <summary>
    /// <c>Fit</c> returns the best model so far: that of the epoch with the lowest validation loss, or the one of the last step where there
    /// is no <see cref="TrainingOptions.ValidationData"/> or no epoch has ended. Before the first step there is none, and it throws.
    /// </summary>
    KeepBest,
}

/// <summary>What the options of every model have in common: how it is trained.</summary>
public abstract class TrainingOptions
{
    internal static class Defaults
    {
        public const int Epochs = 20;
        public const int BatchSize = 128;
        public const int GradientAccumulationSteps = 1;
        public const bool Shuffle = true;
        public const OptimizerKind Optimizer = OptimizerKind.Adam;
        public const double LearningRate = 1e-3;
        public const double Beta1 = 0.9;
        public const double Beta2 = 0.999;
        public const double Epsilon = 1e-8;
        public const double WeightDecay = 0;
        public const double Momentum = 0.9;
        public const LearningRateSchedule Schedule = LearningRateSchedule.Constant;
        public const double FinalLearningRate = 0;
    }

    private const long LowestMemoryBudget = 1 << 20;

    private int? _epochs;
    private double? _learningRate;
    private double? _weightDecay;
    private long? _stepLimit;

    private protected TrainingOptions()
    {
    }

    /// <summary>Passes over the data, at least 1. Default: 20.</summary>
    public virtual int Epochs
    {
        get => _epochs ?? DefaultEpochs;
        set => _epochs = value;
    }

    /// <summary>Optimizer steps, at least 1, instead of <see cref="Epochs"/>. Default: none.</summary>
    public long? MaxSteps { get; set; }

    /// <summary>Rows that go through the network at once, 1 to 16,777,216. Default: 128.</summary>
    public virtual int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>
    /// Batches whose gradients make one step, at least 1: a step sees their rows as if in one batch, with the same noise except for
    /// dropout. What looks at a batch as a whole (batch normalization, minibatch standard deviation, free bits) still does so in each
    /// batch. Default: 1.
    /// </summary>
    public virtual int GradientAccumulationSteps { get; set; } = Defaults.GradientAccumulationSteps;

    /// <summary>Whether each epoch has its own order of rows. Default: true.</summary>
    public bool Shuffle { get; set; } = Defaults.Shuffle;

    /// <summary>The optimizer. Default: <see cref="OptimizerKind.Adam"/>.</summary>
    public virtual OptimizerKind Optimizer { get; set; } = Defaults.Optimizer;

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.001.</summary>
    public virtual double LearningRate
    {
        get => _learningRate ?? DefaultLearningRate;
        set => _learningRate = value;
    }

    /// <summary>Decay of Adam's first moment, 0 to 1. Default: 0.9.</summary>
    public virtual double Beta1 { get; set; } = Defaults.Beta1;

    /// <summary>Decay of Adam's second moment, 0 to 1. Default: 0.999.</summary>
    public virtual double Beta2 { get; set; } = Defaults.Beta2;

    /// <summary>Added to Adam's denominator, above 0. Default: 1e-8.</summary>
    public double Epsilon { get; set; } = Defaults.Epsilon;

    /// <summary>Weight decay, at least 0; of matrices only, not of biases and gains. Default: 0.</summary>
    public virtual double WeightDecay
    {
        get => _weightDecay ?? DefaultWeightDecay;
        set => _weightDecay = value;
    }

    /// <summary>Momentum of <see cref="OptimizerKind.Sgd"/>, 0 to 1. Default: 0.9.</summary>
    public double Momentum { get; set; } = Defaults.Momentum;

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Constant"/>.</summary>
    public virtual LearningRateSchedule LearningRateSchedule { get; set; } = Defaults.Schedule;

    /// <summary>
    /// Steps over which the learning rate rises from 0, at least 0. Default: none, unless the model's options say otherwise.
    /// </summary>
    public virtual long? WarmupSteps { get; set; }

    /// <summary>The learning rate at the end of a schedule, as a part of <see cref="LearningRate"/>, 0 to 1. Default: 0.</summary>
    public virtual double FinalLearningRate { get; set; } = Defaults.FinalLearningRate;

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: none.</summary>
    public virtual double? GradientClipNorm { get; set; }

    /// <summary>
    /// Decay of the moving average of the weights that becomes the model, 0 to 1, such as 0.999; in step t it is at most (1 + t) / (10 +
    /// t). Default: none, the model is the last weights.
    /// </summary>
    public virtual double? EmaDecay { get; set; }

    /// <summary>
    /// Names of the parameters that are not trained but stay as they are in the base model, as in the model file: <c>encoder.0.weight</c>.
    /// In a name, <c>*</c> stands for any characters and <c>?</c> for one, so that <c>encoder.*</c> freezes the encoder. State that is not
    /// a parameter, such as the averages of batch normalization or the codebook of a VQ-VAE, still follows the data. Default: none, all
    /// parameters are trained.
    /// </summary>
    public string[] FrozenParameters { get; set; } = [];

    /// <summary>
    /// What the training multiplies in; the trained model computes in Float32 in any case. Default: <see cref="ComputePrecision.Float32"/>.
    /// </summary>
    public virtual ComputePrecision Precision { get; set; } = ComputePrecision.Float32;

    /// <summary>
    /// Seed of weights, order and noise: the same seed and options train the same model on the CPU. Default: the context's, else a new one.
    /// </summary>
    public int? Seed { get; set; }

    /// <summary>Data scored at the end of each epoch, with the columns of the training data. Default: none.</summary>
    [JsonIgnore]
    public IDataView? ValidationData { get; set; }

    /// <summary>
    /// Epochs without a lower validation loss after which the training stops, at least 1; the model is that of the best epoch, also where
    /// all epochs were trained. Needs <see cref="ValidationData"/>. Default: none, the training does all its steps.
    /// </summary>
    public int? EarlyStoppingPatience { get; set; }

    /// <summary>Where and how often the training is saved, to go on after an interruption. Default: nowhere.</summary>
    [JsonIgnore]
    public CheckpointOptions? Checkpoints { get; set; }

    /// <summary>
    /// One training in several processes, on one machine or many, that were started together, as by <c>mpirun -n 4 dotnet train.dll</c>.
    /// Default: none, this process trains alone.
    /// </summary>
    [JsonIgnore]
    public DistributedOptions? Distributed { get; set; }

    /// <summary>
    /// Bytes of memory that the rows of training and validation data may take, at least 1 MiB. Rows that do not fit are read again in each
    /// epoch, while the training computes, and shuffled in a pool of this size instead of all at once. Default: half of the memory that the
    /// process may use.
    /// </summary>
    [JsonIgnore]
    public long? MemoryBudget { get; set; }

    /// <summary>
    /// Threads that libtorch computes with, 1 to 1,024; more than the machine has processors are slower. Default: where no seed is given,
    /// what is measured to be fastest; else libtorch's own choice, since with another number of threads the same seed gives slightly
    /// different weights.
    /// </summary>
    [JsonIgnore]
    public int? Threads { get; set; }

    /// <summary>
    /// A folder to write reports to for TensorBoard: losses, learning rate, norm of the gradient and speed with each report, and images or
    /// texts that the model generates at the end of each epoch. Each network has a folder of its own in it, shown as a run. Default: none.
    /// </summary>
    /// <remarks>
    /// See them with <c>tensorboard --logdir folder</c>. A resumed training continues at its step. The trained model does not depend on it.
    /// </remarks>
    [JsonIgnore]
    public string? TensorBoardDirectory { get; set; }

    /// <summary>
    /// Receives reports while training, on the training thread. Default: none; messages go to <see cref="MLContext.Log"/> anyway.
    /// </summary>
    [JsonIgnore]
    public IProgress<TrainingProgress>? Progress { get; set; }

    /// <summary>Stops the training within a step.</summary>
    [JsonIgnore]
    public CancellationToken CancellationToken { get; set; }

    /// <summary>What happens then. Default: <see cref="CancellationBehavior.Throw"/>.</summary>
    [JsonIgnore]
    public CancellationBehavior OnCancel { get; set; } = CancellationBehavior.Throw;

    /// <summary><see cref="MemoryBudget"/>, or its default.</summary>
    internal long RowMemory => MemoryBudget ?? DefaultRowMemory;

    /// <summary>Bytes that rows may take where nothing else is said: half of what the process may have.</summary>
    internal static long DefaultRowMemory => MemoryLimit.Bytes / 2;

    /// <summary>What options were called in earlier versions, for checkpoints.</summary>
    internal virtual MemberHistory History => MemberHistory.None;

    /// <summary>Opens the columns of <see cref="ValidationData"/>, if there is some.</summary>
    /// <exception cref="ArgumentException">A column is missing or cannot be used; the message names the option.</exception>
    internal TColumns? OpenValidation<TColumns>(Func<DataViewSchema, TColumns> open)
        where TColumns : class
    {
        try
        {
            return ValidationData is null ? null : open(ValidationData.Schema);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException(
                $"{nameof(ValidationData)} cannot be used. {e.Message} In a pipeline, transform it by the steps before the model first.",
                e);
        }
    }

    /// <summary>Checks the columns of <see cref="ValidationData"/>, if there is some.</summary>
    /// <inheritdoc cref="OpenValidation" path="/exception"/>
    internal void CheckValidation(Action<SchemaShape> check) => OpenValidation(schema =>
    {
        var shape = SchemaShape.Create(schema);
        check(shape);
        return shape;
    });

    /// <summary>Whether the training is on a GPU, whose defaults are larger. Known when <c>Fit</c> begins.</summary>
    internal bool IsOnGpu { get; set; }

    /// <summary>
    /// The steps that the training takes at most, because its options name neither epochs nor steps. Checkpoints keep it.
    /// </summary>
    [JsonInclude]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    internal long? StepLimit
    {
        get => _stepLimit ?? (_epochs is null && MaxSteps is null && !IsOnGpu ? StepsOnCpu : null);
        set => _stepLimit = value;
    }

    /// <summary>The epochs of a training whose options name none.</summary>
    internal virtual int DefaultEpochs => Defaults.Epochs;

    /// <summary>
    /// The most steps on a CPU of a training whose options name neither epochs nor steps, which make a fair model within minutes;
    /// <see langword="null"/>: as many as the epochs have.
    /// </summary>
    internal virtual long? StepsOnCpu => null;

    /// <summary>What the length of the training follows from: options with their values.</summary>
    /// <param name="steps">The steps that the training has, the first part of one with several.</param>
    internal virtual IReadOnlyList<string> DescribeLength(long steps) =>
        [DescribeLength(nameof(Epochs), Epochs, nameof(MaxSteps), MaxSteps ?? (StepLimit <= steps ? StepLimit : null))];

    /// <summary>Epochs alone would lift a limit of steps: where there is one, it is what can be lowered.</summary>
    private protected static string DescribeLength(string epochsOption, int epochs, string stepsOption, long? steps) =>
        steps is { } known ? $"{stepsOption} ({known})" : $"{epochsOption} ({epochs})";

    /// <summary>The optimizer steps of the training.</summary>
    internal long StepsIn(long stepsPerEpoch) =>
        MaxSteps ?? Math.Min(checked(Epochs * stepsPerEpoch), StepLimit ?? long.MaxValue);

    /// <summary>The learning rate of a training whose options name none.</summary>
    internal virtual double DefaultLearningRate => Defaults.LearningRate;

    /// <summary>The weight decay of a training whose options name none.</summary>
    internal virtual double DefaultWeightDecay => Defaults.WeightDecay;

    /// <summary>The warm-up of a training whose options name none.</summary>
    internal virtual long DefaultWarmupSteps(long totalSteps) => 0;

    /// <summary>Steps between previews of what the model has learned; <see langword="null"/>: those of an epoch.</summary>
    internal virtual long? PreviewInterval => null;

    /// <summary>The folder that previews are written to.</summary>
    internal virtual string? PreviewDirectory => null;

    /// <summary>Whether previews are shown anywhere but in the log.</summary>
    internal bool WritesPreviews => TensorBoardDirectory is not null || PreviewDirectory is not null;

    /// <summary>The names of the options that the size of the network follows from.</summary>
    internal virtual IReadOnlyList<string> SizeOptions => [];

    /// <summary>The names of options that are not set, and with which a step takes less memory.</summary>
    internal virtual IReadOnlyList<string> MemoryOptions => [];

    /// <summary>The model that the training continues from, if there is one.</summary>
    internal virtual IBaseModel? Base => null;

    /// <summary>Whether there is something to score the model on that it does not learn.</summary>
    internal virtual bool HasValidation => ValidationData is not null;

    /// <summary>Whether the model of the epoch with the lowest validation loss is the best.</summary>
    internal virtual bool ValidationChoosesModel => true;

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    internal virtual void Validate()
    {
        OptionChecks.AtLeast<int>(Epochs, 1);
        OptionChecks.AtLeast(MaxSteps, 1);
        OptionChecks.AtLeast(BatchSize, 1);
        OptionChecks.AtLeast(GradientAccumulationSteps, 1);
        OptionChecks.Defined(Optimizer);
        OptionChecks.Positive(LearningRate);
        OptionChecks.Below(Beta1, 1);
        OptionChecks.Below(Beta2, 1);
        OptionChecks.Positive(Epsilon);
        OptionChecks.AtLeast(WeightDecay, 0);
        OptionChecks.Below(Momentum, 1);
        OptionChecks.Defined(LearningRateSchedule);
        OptionChecks.AtLeast(WarmupSteps, 0);
        OptionChecks.Between(FinalLearningRate, 0, 1);
        OptionChecks.Positive(GradientClipNorm);
        OptionChecks.Below(EmaDecay, 1);
        OptionChecks.AtLeast<int>(Threads, 1);
        OptionChecks.Between(Threads, 1, TorchThreads.Most);
        OptionChecks.Defined(Precision);
        OptionChecks.Defined(OnCancel);
        OptionChecks.AtLeast(MemoryBudget, LowestMemoryBudget);
        Checkpoints?.Validate();
        Distributed?.Validate();
        OptionChecks.AtLeast<int>(EarlyStoppingPatience, 1);
        ArgumentNullException.ThrowIfNull(FrozenParameters);
        foreach (string pattern in FrozenParameters)
            OptionChecks.NotEmpty(pattern, nameof(FrozenParameters));
        OptionChecks.NullOrNotEmpty(TensorBoardDirectory);
    }

    /// <summary>Checks that concern a training and not the model that came of it.</summary>
    /// <exception cref="ArgumentException">Options contradict each other; the message names them.</exception>
    internal virtual void ValidateForTraining()
    {
        Validate();
        if (EarlyStoppingPatience is not null && !HasValidation)
        {
            throw new ArgumentException(
                $"{nameof(EarlyStoppingPatience)} is {EarlyStoppingPatience}, but there is no {nameof(ValidationData)} whose loss decides "
                + "when to stop.", nameof(ValidationData));
        }
    }

    /// <summary>Takes the options that define the network from the base model, if there is one.</summary>
    /// <exception cref="ArgumentException">An option contradicts the base model; the message names both values.</exception>
    internal virtual void TakeFromBase()
    {
    }

    /// <summary>A checked copy for a training, with the network of the base model if there is one.</summary>
    /// <inheritdoc cref="ValidateForTraining" path="/exception"/>
    internal static TOptions ForTraining<TOptions>(TOptions options)
        where TOptions : TrainingOptions
    {
        ArgumentNullException.ThrowIfNull(options);
        var copy = (TOptions)options.Copy();
        copy.TakeFromBase();
        copy.ValidateForTraining();
        return copy;
    }

    /// <summary>A copy that later changes to this object do not reach.</summary>
    internal virtual TrainingOptions Copy()
    {
        var copy = (TrainingOptions)MemberwiseClone();
        copy.Checkpoints = Checkpoints?.Copy();
        copy.Distributed = Distributed?.Copy();
        copy.FrozenParameters = [.. FrozenParameters ?? []];
        return copy;
    }
}
