using System.Runtime.ExceptionServices;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Batch normalization over a batch whose rows several processes have (Zhang et al. 2018 call it synchronized): sums over all of them, in
/// the forward and the backward pass.
/// </summary>
/// <param name="sum">Replaces values by their sums over all processes, which call it in the same order.</param>
internal sealed class BatchStatistics(Func<double[], double[]> sum)
{
    [ThreadStatic]
    private static BatchStatistics? _current;

    private ExceptionDispatchInfo? _failure;

    /// <summary>What this thread's layers use; <see langword="null"/>: each batch has statistics of its own.</summary>
    public static BatchStatistics? Current => _current;

    /// <summary>Has this thread's layers use statistics, until the result is disposed of.</summary>
    public static IDisposable Scope(BatchStatistics statistics) => new StatisticsScope(statistics);

    /// <summary>Throws what has gone wrong in a backward pass, through which no exception can come.</summary>
    public void Check() => _failure?.Throw();

    /// <summary>The sums of a number over all processes.</summary>
    public double Sum(double value) => sum([value])[0];

    /// <summary>The sums of a tensor over all processes, with gradients.</summary>
    /// <param name="values">[channels].</param>
    public Tensor Sum(Tensor values) =>
        is_grad_enabled() && values.requires_grad ? SumFunction.Call(values, this) : SumWithoutGradient(values);

    /// <summary>The batch with mean 0 and variance 1 in each channel, and both of these.</summary>
    /// <param name="input">[batch, channels, ..] of Float32.</param>
    /// <param name="count">The values of a channel in all processes.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>[batch, channels, ..], and [channels] twice.</returns>
    public (Tensor Normal, Tensor Mean, Tensor Variance) Normalize(Tensor input, double count, double epsilon)
    {
        long[] others = [0, .. Enumerable.Range(2, (int)input.dim() - 2).Select(dimension => (long)dimension)];
        long[] perChannel = [1, input.size(1), .. Enumerable.Repeat(1L, (int)input.dim() - 2)];
        Tensor mean = Sum(input.sum(others)).Over(count); // [channels]
        Tensor centered = input - mean.view(perChannel);
        Tensor variance = Sum(centered.Squared().sum(others)).Over(count); // [channels]
        return (centered * variance.Plus(epsilon).rsqrt().view(perChannel), mean, variance);
    }

    private Tensor SumInBackward(Tensor gradient)
    {
        try
        {
            return _failure is null ? Sum(gradient) : gradient.alias();
        }
        catch (Exception e)
        {
            _failure = ExceptionDispatchInfo.Capture(e);
            return gradient.alias();
        }
    }

    private Tensor SumWithoutGradient(Tensor values)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        double[] own = [.. values.cpu().to(ScalarType.Float64).data<double>()];
        return tensor(sum(own), values.shape).to(values.dtype).to(values.device).MoveToOuterDisposeScope();
    }

    // Each process's part is in the results of all: its gradient is the sum of theirs.
    private sealed class SumFunction : GradientFunction<SumFunction>
    {
        private const string StatisticsName = "statistics";

        public override string Name => nameof(BatchStatistics);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            ctx.save_data(StatisticsName, vars[1]);
            return ((BatchStatistics)vars[1]).SumWithoutGradient((Tensor)vars[0]);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient) =>
            [((BatchStatistics)ctx.get_data(StatisticsName)).SumInBackward(gradient), null!];
    }

    private sealed class StatisticsScope : IDisposable
    {
        private readonly BatchStatistics? _before = _current;

        public StatisticsScope(BatchStatistics statistics) => _current = statistics;

        public void Dispose() => _current = _before;
    }
}
