using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training.Distributed;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// A network in training. Its trainable parameters become views of one buffer and their gradients views of another, so that
/// clearing, clipping, the optimizer and the moving average each take one pass.
/// </summary>
internal sealed class TrainedNetwork : IDisposable
{
    private const string BufferPrefix = "buffer.";

    private readonly TrainingOptions _options;
    private readonly torch.Tensor _weights;
    private readonly torch.Tensor _gradients;
    private readonly torch.Tensor[] _moments;
    private readonly OptimizerShards? _shards;
    private readonly torch.Tensor? _ema;
    private readonly Parameter[] _parameters;
    private readonly (string Name, torch.Tensor Values)[] _frozen;
    private readonly torch.Tensor[] _averages;
    private GradientBuckets? _buckets;
    private bool _isLearning = true;

    // All moments, in the process that reads or writes a checkpoint meanwhile.
    private torch.Tensor[]? _wholeMoments;

    // Weight decay acts on matrices; these come first in the buffers.
    private readonly (torch.Tensor Weights, torch.Tensor Gradients, torch.Tensor[] Moments, double Decay)[] _segments;

    /// <param name="name">For messages.</param>
    /// <param name="module">
    /// The network, already on its device. The parameters that require no gradient are frozen: they stay as they are.
    /// </param>
    /// <param name="options">The optimizer's options.</param>
    /// <param name="shards">The processes that share the optimizer's state, if they do.</param>
    public TrainedNetwork(string name, torch.nn.Module module, TrainingOptions options, ProcessGroup? shards = null)
    {
        Name = name;
        Module = module;
        _options = options;

        Parameter[] trained = [.. module.parameters().Where(p => p.requires_grad).DistinctBy(p => p.Handle)];
        if (trained.Length == 0)
            throw new ArgumentException($"The network '{name}' has no parameters to train.");
        Parameter[] ordered = [.. trained.Where(p => p.dim() >= 2), .. trained.Where(p => p.dim() < 2)];
        _parameters = ordered;
        _frozen = FrozenParameters.Of(module);
        _averages = [.. Buffers.Select(b => b.Values).Where(b => b.dtype == torch.ScalarType.Float32 && b.is_contiguous())];
        ParameterCount = ordered.Sum(p => p.numel());
        long decayed = ordered.Where(p => p.dim() >= 2).Sum(p => p.numel());
        if (ordered.FirstOrDefault(p => p.dtype != torch.ScalarType.Float32) is { } other)
            throw new ArgumentException($"The network '{name}' has a parameter of type {other.dtype}; expected Float32.");

        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        torch.Device device = ordered[0].device;
        _weights = torch.empty(ParameterCount, device: device).DetachFromDisposeScope();
        _gradients = torch.zeros(ParameterCount, device: device).DetachFromDisposeScope();
        Flatten(ordered);

        _shards = shards is null ? null : new OptimizerShards(shards, ParameterCount);
        int moments = options.Optimizer == OptimizerKind.Sgd ? 1 : 2;
        long updated = _shards?.Length ?? ParameterCount;
        _moments = [.. Enumerable.Range(0, moments).Select(_ => torch.zeros(updated, device: device).DetachFromDisposeScope())];
        _ema = options.EmaDecay is null ? null : _weights.clone().DetachFromDisposeScope();
        _segments = options.WeightDecay == 0
            ? [Segment(0, ParameterCount, 0)]
            : [Segment(0, decayed, options.WeightDecay), Segment(decayed, ParameterCount - decayed, 0)];
    }

    public string Name { get; }

    public torch.nn.Module Module { get; }

    /// <summary>Trainable parameters.</summary>
    public long ParameterCount { get; }

    /// <summary>Frozen parameters.</summary>
    public long FrozenCount => _frozen.Sum(f => f.Values.numel());

    /// <summary>The hash of the frozen parameters, or <see langword="null"/> if there are none.</summary>
    public string? FrozenHash => FrozenParameters.Hash(_frozen);

    /// <summary>Whether the trainable parameters get gradients. The frozen ones never do.</summary>
    public bool IsLearning
    {
        get => _isLearning;
        set
        {
            if (value == _isLearning)
                return;
            _isLearning = value;
            foreach (Parameter parameter in _parameters)
                parameter.requires_grad = value;
        }
    }

    /// <summary>Optimizer steps done.</summary>
    public long Steps { get; private set; }

    /// <summary>
    /// Everything that a later step depends on beside <see cref="Steps"/>: the trainable weights (matrices first), the optimizer's moments
    /// and the moving average if there is one, each one flat buffer, and the module's own buffers. The tensors belong to the network. Where
    /// processes share the moments, they are there between <see cref="OpenMoments"/> or <see cref="GatherMoments"/> and
    /// <see cref="CloseMoments"/>.
    /// </summary>
    public IEnumerable<(string Name, torch.Tensor Values)> State =>
        StateWith(_shards is null ? _moments : _wholeMoments ?? throw new InvalidOperationException("The moments are not gathered."));

    /// <summary>The part of <see cref="State"/> that is the same in all processes.</summary>
    public IEnumerable<(string Name, torch.Tensor Values)> CommonState => StateWith(_shards is null ? _moments : []);

    /// <summary>Bytes of the optimizer's state in this process.</summary>
    public long OptimizerBytes => _moments.Sum(m => m.numel() * m.element_size());

    /// <summary>What the model is made of: the moving average, or the weights if there is none, and the module's own buffers.</summary>
    public IEnumerable<(string Name, torch.Tensor Values)> EvaluationState => [("weights", _ema ?? _weights), .. Buffers];

    private IEnumerable<(string Name, torch.Tensor Values)> Buffers =>
        Module.named_buffers(include_nonpersistent: false).Select(b => (BufferPrefix + b.name, b.buffer));

    /// <summary>The present name of a tensor of <see cref="State"/> that an older version may have saved under another.</summary>
    public string PresentName(string name) => name.StartsWith(BufferPrefix, StringComparison.Ordinal)
        ? BufferPrefix + ModuleWeights.PresentName(Module, name[BufferPrefix.Length..])
        : name;

    /// <summary>Continues from a state whose tensors have been copied over those of <see cref="State"/>.</summary>
    public void Resume(long steps) => Steps = steps;

    public void ClearGradients() => _gradients.zero_();

    /// <summary>What layers change while they compute: the module's buffers of Float32.</summary>
    public IReadOnlyList<torch.Tensor> Averages => _averages;

    /// <summary>Exchanges gradients with other processes in buckets from now on.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="bucketBytes">The least bytes of a bucket.</param>
    public void UseBuckets(ProcessGroup group, long bucketBytes)
    {
        _buckets?.Dispose();
        _buckets = new GradientBuckets(group, _shards, Module, _parameters, _gradients, bucketBytes);
    }

    /// <summary>The buckets, where processes exchange gradients.</summary>
    public GradientBuckets? Buckets => _buckets;

    /// <inheritdoc cref="IGradientExchange.Sum"/>
    public void ExchangeGradients(IGradientExchange exchange)
    {
        if (_buckets is null)
            exchange.Sum(_gradients);
        else
            _buckets.Finish();
    }

    /// <summary>Makes room for all moments, which a checkpoint is to be read into.</summary>
    public void OpenMoments()
    {
        if (_shards is not null)
            _wholeMoments = [.. _moments.Select(m => torch.zeros(ParameterCount, device: m.device).DetachFromDisposeScope())];
    }

    /// <summary>Gives each process its part of the moments that process 0 has read; all take part.</summary>
    public void ScatterMoments()
    {
        for (int i = 0; i < _moments.Length; i++)
            _shards?.FromLeader(_wholeMoments?[i], _moments[i]);
    }

    /// <summary>Gathers all moments in process 0; all take part.</summary>
    public void GatherMoments()
    {
        if (_shards is null)
            return;
        torch.Tensor?[] whole = [.. _moments.Select(_shards.ToLeader)];
        _wholeMoments = whole.OfType<torch.Tensor>().ToArray() is { Length: > 0 } all ? all : null;
    }

    /// <summary>Lets go of the moments of other processes.</summary>
    public void CloseMoments()
    {
        foreach (torch.Tensor moment in _wholeMoments ?? [])
            moment.Dispose();
        _wholeMoments = null;
    }

    /// <summary>Scales the gradient down to a norm.</summary>
    /// <param name="maxNorm">The norm, or infinity.</param>
    /// <param name="reads">Reads the norm before.</param>
    /// <param name="use">Receives it.</param>
    public void ClipGradients(double maxNorm, TensorReads reads, Action<double> use)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        if (_gradients.device_type != DeviceType.CPU && _shards is null)
        {
            reads.Add([OptimizerKernels.ClipOnDevice(_gradients, maxNorm)], read => use(read[0]));
            return;
        }

        torch.Tensor own = _shards is null ? _gradients : _gradients.narrow(0, _shards.First, _shards.Length);
        double norm = OptimizerKernels.Norm(own);
        norm = _shards?.Norm(norm) ?? norm;
        use(norm);
        if (norm > maxNorm)
            own.TimesInPlace(maxNorm / (norm + 1e-6));
    }

    /// <summary>One optimizer step along the gradients.</summary>
    public void Update(double learningRate)
    {
        using IDisposable noGradient = torch.no_grad();
        Steps++;
        foreach (var (weights, gradients, moments, decay) in _segments)
        {
            if (_options.Optimizer == OptimizerKind.Sgd)
                OptimizerKernels.Sgd(weights, gradients, moments[0], new SgdStep(learningRate, _options.Momentum, decay, Steps));
            else
                OptimizerKernels.Adam(weights, gradients, moments[0], moments[1], new AdamStep(
                    learningRate, _options.Beta1, _options.Beta2, _options.Epsilon, decay, _options.Optimizer == OptimizerKind.AdamW,
                    Steps));
        }

        _shards?.Gather(_weights);
        if (_ema is not null)
            OptimizerKernels.Ema(_ema, _weights, Math.Min(_options.EmaDecay!.Value, (1.0 + Steps) / (10.0 + Steps)));
    }

    /// <summary>Ends decayed averages of layers: what passes through a layer may be 0 for ever, too.</summary>
    public void FlushAverages()
    {
        foreach (torch.Tensor average in _averages)
            OptimizerKernels.FlushSubnormals(average);
    }

    /// <summary>Exchanges the weights with their moving average, if there is one; a second call undoes it.</summary>
    public void SwapEma()
    {
        if (_ema is null)
            return;
        using IDisposable noGradient = torch.no_grad();
        using torch.Tensor kept = _weights.clone();
        _weights.copy_(_ema);
        _ema.copy_(kept);
    }

    /// <summary>Releases the training's buffers. The module keeps its weights.</summary>
    public void Dispose()
    {
        _buckets?.Dispose();
        CloseMoments();
        foreach (Parameter parameter in _parameters.Where(p => !p.IsInvalid))
            parameter.grad = null;
        foreach (var segment in _segments)
        {
            segment.Weights.Dispose();
            segment.Gradients.Dispose();
            foreach (torch.Tensor moment in segment.Moments)
                moment.Dispose();
        }

        foreach (torch.Tensor buffer in _moments.Append(_weights).Append(_gradients))
            buffer.Dispose();
        _ema?.Dispose();
    }

    private IEnumerable<(string Name, torch.Tensor Values)> StateWith(torch.Tensor[] moments) =>
    [
        ("weights", _weights),
        .. moments.Select((moment, i) => ($"moment{i + 1}", moment)),
        .. _ema is null ? ((string, torch.Tensor)[])[] : [("average", _ema)],
        .. Buffers,
    ];

    // Of those that this process updates.
    private (torch.Tensor Weights, torch.Tensor Gradients, torch.Tensor[] Moments, double Decay) Segment(
        long start, long length, double decay)
    {
        long first = _shards?.First ?? 0, end = first + (_shards?.Length ?? ParameterCount);
        (start, end) = (Math.Clamp(start, first, end), Math.Clamp(start + length, first, end));
        return (Part(_weights, start), Part(_gradients, start), [.. _moments.Select(m => Part(m, start - first))], decay);

        torch.Tensor Part(torch.Tensor buffer, long from) => buffer.narrow(0, from, end - start).DetachFromDisposeScope();
    }

    private void Flatten(Parameter[] parameters)
    {
        long start = 0;
        foreach (Parameter parameter in parameters)
        {
            long length = parameter.numel();
            long[] shape = parameter.shape;
            torch.Tensor view = _weights.narrow(0, start, length).view(shape);
            view.copy_(parameter);
            parameter.set_(view);
            parameter.grad = _gradients.narrow(0, start, length).view(shape);
            start += length;
        }
    }
}
