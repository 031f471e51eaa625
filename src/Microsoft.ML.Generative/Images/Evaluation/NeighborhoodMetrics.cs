using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>How two samples cover each other, by balls around each row that reach its k-th nearest neighbor of the same sample.</summary>
/// <param name="Precision">The share of generated rows in the ball of any real one (Kynkäänniemi et al. 2019, eq. 2).</param>
/// <param name="Recall">The share of real rows in the ball of any generated one.</param>
/// <param name="Density">The real balls that a generated row is in, on average, as a part of k (Naeem et al. 2020, section 3.1).</param>
/// <param name="Coverage">The share of real balls with a generated row in them (section 3.2).</param>
internal readonly record struct NeighborhoodMetrics(double Precision, double Recall, double Density, double Coverage)
{
    // 64 MiB of distances at once, or those of one row.
    private const long DistancesAtOnce = 1 << 23;

    /// <param name="real">[rows, size], more rows than neighbors.</param>
    /// <param name="generated">[rows, size], more rows than neighbors of precision.</param>
    /// <param name="precisionNeighbors">k of precision and recall.</param>
    /// <param name="densityNeighbors">k of density and coverage.</param>
    /// <param name="check">Called now and then.</param>
    /// <param name="distancesAtOnce">Distances in memory; the result does not depend on it.</param>
    public static NeighborhoodMetrics Of(
        Tensor real, Tensor generated, int precisionNeighbors, int densityNeighbors, Action check, long distancesAtOnce = DistancesAtOnce)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] radii = SquaredRadii(real, [precisionNeighbors, densityNeighbors], distancesAtOnce, check);
        Tensor generatedRadii = SquaredRadii(generated, [precisionNeighbors], distancesAtOnce, check)[0].unsqueeze(0);
        (long reals, long generateds) = (real.size(0), generated.size(0));
        Tensor isPrecise = zeros(generateds, dtype: ScalarType.Bool);
        (long recalled, long balls, long covered) = (0, 0, 0);
        ForEachBlock(real, generated, distancesAtOnce, check, (start, squares) =>
        {
            long rows = squares.size(0);
            isPrecise.copy_(isPrecise.logical_or(squares.le(radii[0].narrow(0, start, rows).unsqueeze(1)).any(0)));
            recalled += Count(squares.le(generatedRadii).any(1));
            Tensor isInside = squares.le(radii[1].narrow(0, start, rows).unsqueeze(1));
            balls += Count(isInside);
            covered += Count(isInside.any(1));
        });
        return new NeighborhoodMetrics(
            (double)Count(isPrecise) / generateds, (double)recalled / reals, (double)balls / densityNeighbors / generateds,
            (double)covered / reals);
    }

    // The squared distance of each row from its k-th nearest other row, for some k.
    private static Tensor[] SquaredRadii(Tensor rows, int[] neighbors, long distancesAtOnce, Action check)
    {
        Tensor[] radii = [.. neighbors.Select(_ => empty(rows.size(0), dtype: ScalarType.Float64))];
        using Scalar infinity = double.PositiveInfinity.ToScalar();
        ForEachBlock(rows, rows, distancesAtOnce, check, (start, squares) =>
        {
            squares.diagonal(start, 0, 1).fill_(infinity);
            Tensor nearest = squares.topk(neighbors.Max(), 1, largest: false, sorted: true).values;
            foreach ((Tensor radius, int k) in radii.Zip(neighbors))
                radius.narrow(0, start, squares.size(0)).copy_(nearest.select(1, k - 1));
        });
        return radii;
    }

    // Squared distances of a few rows at a time from all others, in double.
    private static void ForEachBlock(Tensor rows, Tensor others, long distancesAtOnce, Action check, Action<long, Tensor> visit)
    {
        using DisposeScope scope = NewDisposeScope();
        long atOnce = Math.Max(1, distancesAtOnce / others.size(0));
        Tensor columns = others.to(ScalarType.Float64).t();
        Tensor columnNorms = columns.Squared().sum([0], keepdim: true);
        for (long start = 0; start < rows.size(0); start += atOnce)
        {
            check();
            using DisposeScope inner = NewDisposeScope();
            Tensor block = rows.narrow(0, start, Math.Min(atOnce, rows.size(0) - start)).to(ScalarType.Float64);
            Tensor squares = block.Squared().sum([1], keepdim: true).Plus(columnNorms).Plus(block.mm(columns), -2);
            visit(start, squares.relu_());
        }
    }

    private static long Count(Tensor flags) => flags.sum().item<long>();
}
