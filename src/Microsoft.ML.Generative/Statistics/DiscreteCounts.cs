using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>How often the values of two discrete columns were seen, and their pairs.</summary>
internal sealed class DiscreteCounts
{
    private DiscreteCounts(List<long> first, List<long> second, long[] pairs) => (First, Second, Pairs) = (first, second, pairs);

    public List<long> First { get; }

    public List<long> Second { get; }

    public long[] Pairs { get; }

    public static DiscreteCounts Read(IDataView data, string firstName, string secondName)
    {
        ArgumentNullException.ThrowIfNull(data);
        foreach (string name in (string[])[firstName, secondName])
        {
            if (!SampleColumns.IsDiscrete(data.Schema, name))
                throw new ArgumentException($"Column '{name}' has type {data.Schema[name].Type}; expected {SampleColumns.DiscreteTypes}.");
        }

        using DataViewRowCursor cursor = data.GetRowCursor([data.Schema[firstName], data.Schema[secondName]]);
        Func<int> first = SampleColumns.OpenCodes(cursor, firstName);
        Func<int> second = SampleColumns.OpenCodes(cursor, secondName);
        List<long> firstCounts = [];
        List<long> secondCounts = [];
        Dictionary<(int, int), long> pairs = [];
        while (cursor.MoveNext())
        {
            (int, int) pair = (first(), second());
            SampleColumns.Count(firstCounts, pair.Item1);
            SampleColumns.Count(secondCounts, pair.Item2);
            CollectionsMarshal.GetValueRefOrAddDefault(pairs, pair, out _)++;
        }

        return pairs.Count > 0 ? new DiscreteCounts(firstCounts, secondCounts, [.. pairs.Values])
            : throw EmptyTable.Error([firstName, secondName], "count");
    }
}
