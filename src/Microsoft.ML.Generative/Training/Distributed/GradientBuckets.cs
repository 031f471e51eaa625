using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML.Generative.Layers;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// The gradients of a network in buckets, which the processes exchange one after the other (Li et al. 2020). A bucket is on its way as soon
/// as the backward pass has the gradients of its matrices, while it computes those of earlier layers.
/// </summary>
/// <remarks>
/// The buckets are parts of the flat gradients: matrices from the last to the first, then all vectors. All processes exchange them in this
/// order, whenever each is complete in each of them, so that the sums do not depend on time. TorchSharp has no hooks for the gradients of
/// parameters. Instead, the inputs of layers are watched by <see cref="GradientTap"/>: a layer's gradients are complete when those of all
/// its inputs are known. A matrix that is used without a call of its layer, or whose layer's input has no gradient, is complete when the
/// backward pass has ended.
/// </remarks>
internal sealed class GradientBuckets : IDisposable
{
    private readonly ProcessGroup _group;
    private readonly OptimizerShards? _shards;
    private readonly torch.Tensor _gradients;
    private readonly Bucket[] _buckets;
    private readonly List<Action> _removals = [];
    private readonly List<LayerUse> _layers = [];
    private BlockingCollection<(Bucket, nint)>? _complete;
    private Task<TimeSpan?>? _exchange;
    private bool _isWatching;
    private bool _isBackward;
    private int _begun;

    /// <param name="group">The processes.</param>
    /// <param name="shards">The processes that share the optimizer's state, if they do.</param>
    /// <param name="network">The network.</param>
    /// <param name="parameters">Its parameters in the order of the gradients, matrices first.</param>
    /// <param name="gradients">All gradients, flat.</param>
    /// <param name="bucketBytes">The least bytes of a bucket.</param>
    public GradientBuckets(
        ProcessGroup group, OptimizerShards? shards, torch.nn.Module network, IReadOnlyList<Parameter> parameters, torch.Tensor gradients,
        long bucketBytes)
    {
        (_group, _shards, _gradients) = (group, shards, gradients);
        Parameter[] matrices = [.. parameters.TakeWhile(p => p.dim() >= 2)];
        long vectors = parameters.Skip(matrices.Length).Sum(p => p.numel());
        GradientRange[] ranges = Split([.. matrices.Select(p => p.numel())], vectors, bucketBytes / sizeof(float));
        // The last bucket of matrices is complete when all are.
        if (ranges.Count(r => r.Matrices > 0) < 2)
        {
            _buckets = [.. ranges.Select(r => new Bucket(r.First, r.Length, []))];
            return;
        }

        ILookup<IntPtr, LayerUse> uses = Watch(network, [.. matrices.Select(p => p.Handle)]);
        _buckets = [.. ranges.Select(r => new Bucket(r.First, r.Length, UsesOf(r)))];

        LayerUse[] UsesOf(GradientRange range)
        {
            LayerUse[][] ofEach = [.. matrices.Skip(range.FirstMatrix).Take(range.Matrices).Select(p => uses[p.Handle].ToArray())];
            return ofEach.Any(of => of.Length == 0) ? [] : [.. ofEach.SelectMany(of => of).Distinct()];
        }
    }

    /// <summary>Watches the forward pass that follows, whose backward pass is the last of a step.</summary>
    public void Watch()
    {
        foreach (LayerUse layer in _layers)
            layer.Reset();
        _isWatching = _layers.Count > 0;
    }

    /// <summary>The backward pass begins.</summary>
    public void BeginBackward() => _isBackward = _isWatching;

    /// <summary>The backward pass has ended.</summary>
    public void EndBackward() => _isWatching = _isBackward = false;

    /// <summary>Exchanges what has not been on its way, and waits for all.</summary>
    /// <inheritdoc cref="ProcessGroup.MeetForGradients" path="/exception"/>
    public void Finish()
    {
        EndBackward();
        long start = Stopwatch.GetTimestamp();
        TimeSpan? exchanged;
        if (_exchange is null)
        {
            exchanged = Exchange(_buckets.Select(bucket => (bucket, _group.Mark())));
        }
        else
        {
            _group.LeavesProcessor = false;
            foreach (Bucket bucket in _buckets[_begun..])
                _complete!.Add((bucket, _group.Mark()));
            _complete!.CompleteAdding();
            exchanged = Ended(_exchange);
        }

        if (exchanged is { } time)
            _group.Times.Add(time, Stopwatch.GetElapsedTime(start));
    }

    public void Dispose()
    {
        foreach (Action remove in _removals)
            remove();
        _removals.Clear();
    }

    /// <summary>Divides flat gradients into buckets.</summary>
    /// <param name="matrices">The lengths of the matrices, which come first.</param>
    /// <param name="vectors">The length of all vectors.</param>
    /// <param name="length">The least length of a bucket of matrices; the last may be shorter.</param>
    internal static GradientRange[] Split(IReadOnlyList<long> matrices, long vectors, long length)
    {
        var ranges = new List<GradientRange>();
        long all = matrices.Sum(), end = all, start = all;
        int next = matrices.Count;
        for (int i = matrices.Count - 1; i >= 0; i--)
        {
            start -= matrices[i];
            if (end - start < length && i > 0)
                continue;
            ranges.Add(new GradientRange(start, end - start, i, next - i));
            (end, next) = (start, i);
        }

        if (vectors > 0)
            ranges.Add(new GradientRange(all, vectors, matrices.Count, 0));
        return [.. ranges];
    }

    private ILookup<IntPtr, LayerUse> Watch(torch.nn.Module network, HashSet<IntPtr> matrices)
    {
        var uses = new List<(IntPtr Matrix, LayerUse Layer)>();
        foreach (AdaptableLayer layer in network.modules().OfType<AdaptableLayer>().Distinct())
        {
            IntPtr[] own = [.. layer.parameters().Select(p => p.Handle).Where(matrices.Contains)];
            if (own.Length == 0)
                continue;
            var use = new LayerUse();
            _layers.Add(use);
            uses.AddRange(own.Select(matrix => (matrix, use)));
            var remover = layer.register_forward_pre_hook((_, input) => Pass(use, input));
            _removals.Add(remover.remove);
        }

        return uses.ToLookup(u => u.Matrix, u => u.Layer);
    }

    private torch.Tensor Pass(LayerUse layer, torch.Tensor input)
    {
        if (!_isWatching)
            return input;
        // What is recomputed in the backward pass was called before.
        if (!_isBackward)
            layer.Call();
        return torch.is_grad_enabled() && input.requires_grad ? GradientTap.Pass(input, () => Reached(layer)) : input;
    }

    private void Reached(LayerUse layer)
    {
        // Gradients that are a part of a loss are computed before.
        if (!_isBackward || !layer.Reach())
            return;
        for (; _begun < _buckets.Length && _buckets[_begun].IsComplete; _begun++)
        {
            _complete ??= [];
            // Marked here, before the program asks the device for more.
            _complete.Add((_buckets[_begun], _group.Mark()));
            if (_exchange is not null)
                continue;
            _group.LeavesProcessor = true;
            _group.Unfinished = Finish;
            BlockingCollection<(Bucket, nint)> complete = _complete;
            _exchange = Task.Factory.StartNew(
                () => Exchange(complete.GetConsumingEnumerable()), CancellationToken.None, TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }
    }

    // How long it took, where a clock can measure it.
    private TimeSpan? Exchange(IEnumerable<(Bucket Bucket, nint Mark)> buckets)
    {
        TimeSpan exchanged = default;
        bool isFirst = true;
        foreach ((Bucket bucket, nint mark) in buckets)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            long start = Stopwatch.GetTimestamp();
            if (isFirst)
                _group.MeetForGradients();
            isFirst = false;
            if (_shards is null)
                _group.SumBucket(_gradients.narrow(0, bucket.First, bucket.Length), mark);
            else
                _shards.Reduce(_gradients, bucket.First, bucket.Length, mark);
            exchanged += Stopwatch.GetElapsedTime(start);
        }

        return _group.CompleteBuckets() ? exchanged : null;
    }

    private TimeSpan? Ended(Task<TimeSpan?> exchange)
    {
        _group.Unfinished = null;
        try
        {
            return exchange.GetAwaiter().GetResult();
        }
        finally
        {
            _complete!.Dispose();
            (_complete, _exchange, _begun) = (null, null, 0);
        }
    }

    /// <summary>A part of the flat gradients.</summary>
    /// <param name="First">Its first value.</param>
    /// <param name="Length">Its values.</param>
    /// <param name="Layers">The layers that have its matrices; none: it is complete at the end.</param>
    private sealed record Bucket(long First, long Length, LayerUse[] Layers)
    {
        public bool IsComplete => Layers.Length > 0 && Layers.All(layer => layer.IsComplete);
    }

    /// <summary>The calls of a layer in a step.</summary>
    private sealed class LayerUse
    {
        private int _calls;
        private int _open;

        public bool IsComplete => _calls > 0 && _open == 0;

        public void Reset() => _calls = _open = 0;

        public void Call()
        {
            _calls++;
            _open++;
        }

        /// <summary>Whether the gradients of all its inputs are known.</summary>
        public bool Reach() => --_open == 0;
    }
}

/// <summary>A part of flat gradients.</summary>
/// <param name="First">Its first value.</param>
/// <param name="Length">Its values.</param>
/// <param name="FirstMatrix">Its first matrix.</param>
/// <param name="Matrices">Its matrices; none: it is that of the vectors.</param>
internal readonly record struct GradientRange(long First, long Length, int FirstMatrix, int Matrices);
