using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>Estimates from columns of an <see cref="IDataView"/>, in nats.</summary>
internal static class ColumnEstimates
{
    public static double Entropy(IDataView data, string columnName, bool correctBias) =>
        CountEstimates.EntropyOf(CollectionsMarshal.AsSpan(DiscreteCounts.Read(data, columnName, columnName).First), correctBias);

    public static double ConditionalEntropy(IDataView data, string columnName, string givenColumnName, bool correctBias)
    {
        DiscreteCounts counts = DiscreteCounts.Read(data, columnName, givenColumnName);
        return CountEstimates.EntropyOf(counts.Pairs, correctBias)
            - CountEstimates.EntropyOf(CollectionsMarshal.AsSpan(counts.Second), correctBias);
    }

    public static double MutualInformation(IDataView data, string firstColumnName, string secondColumnName, int neighbors, bool correctBias)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbors, 1);
        bool firstIsDiscrete = SampleColumns.IsDiscrete(data.Schema, firstColumnName);
        bool secondIsDiscrete = SampleColumns.IsDiscrete(data.Schema, secondColumnName);
        if (firstIsDiscrete && secondIsDiscrete)
        {
            DiscreteCounts counts = DiscreteCounts.Read(data, firstColumnName, secondColumnName);
            return CountEstimates.MutualInformation(
                CollectionsMarshal.AsSpan(counts.First), CollectionsMarshal.AsSpan(counts.Second), counts.Pairs, correctBias);
        }

        if (!firstIsDiscrete && !secondIsDiscrete)
        {
            (ContinuousSample x, ContinuousSample y) = SampleColumns.ReadContinuous(data, firstColumnName, secondColumnName);
            return NeighborEstimates.Continuous(x, y, neighbors);
        }

        (ContinuousSample sample, int[] classes, int[] sizes) = firstIsDiscrete
            ? SampleColumns.ReadMixed(data, secondColumnName, firstColumnName)
            : SampleColumns.ReadMixed(data, firstColumnName, secondColumnName);
        return NeighborEstimates.Mixed(sample, classes, sizes, neighbors);
    }
}
