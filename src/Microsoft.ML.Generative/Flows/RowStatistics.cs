using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// Standardizes a network's input by the training data. As its couplings are identities at first, this is also the data-dependent
/// initialization of their activation normalizations (Kingma, Dhariwal 2018, section 3.1).
/// </summary>
internal static class RowStatistics
{
    // The stream of the training's seed that the noise of bytes comes from.
    private const long Stream = 1;
    private const int NamesShown = 10;

    /// <summary>Reads the rows once.</summary>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public static void Standardize(TrainingRun run, IBatchSource batches, FlowNetwork network, FlowArchitecture architecture)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)SeedSequence.Derive(run.Seed, Stream));
        long size = architecture.Row.Size, rows = 0;

        // Sums of the distances from a row: squares of the values themselves would lose a small spread round a large mean.
        Tensor? origin = null;
        Tensor sum = zeros(size, float64), squares = zeros(size, float64);
        run.ForEachBatch("Standardizing", batches, batch =>
        {
            Tensor? noise = FlowObjective.Noise(architecture, batch[0], generator);
            Tensor values = network.Prepare(batch[0], noise).Values.cpu().to(float64); // [batch, values]
            origin ??= values[0].clone().MoveToOuterDisposeScope();
            Tensor distances = values - origin;
            sum.PlusInPlace(distances.sum([0]));
            squares.PlusInPlace(distances.Squared().sum([0]));
            rows += batch.Rows;
        });

        Tensor mean = sum.Times(1.0 / rows);
        Tensor deviation = (squares.Times(1.0 / rows) - mean.Squared()).Within(0, double.MaxValue).sqrt();
        Tensor isConstant = deviation.eq(zeros_like(deviation));
        WarnOfConstants(run.Host, isConstant);
        network.Standardization.Set(origin!.Plus(mean), where(isConstant, ones_like(deviation), deviation));
    }

    private static void WarnOfConstants(IHost host, Tensor isConstant)
    {
        long[] positions = [.. TensorMemory.ToArray<long>(isConstant.nonzero().flatten())];
        if (positions.Length == 0)
            return;
        using IChannel channel = host.Start("Standardizing");
        string list = string.Join(", ", positions.Take(NamesShown)) + (positions.Length > NamesShown ? ", …" : "");
        channel.Warning(
            $"{positions.Length} values are the same in all rows (at positions {list}): their density has no bound. Drop them before.");
    }
}
