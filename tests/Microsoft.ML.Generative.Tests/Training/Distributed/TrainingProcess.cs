using System.Globalization;
using System.Text.Json;

namespace Microsoft.ML.Generative.Tests;

/// <summary>One of the processes that <c>mpirun</c> starts, which train all families one after the other.</summary>
internal static class TrainingProcess
{
    /// <summary>
    /// Trains as many steps of each family together with the other processes, and of its share of the families alone with the batches of
    /// all processes, and writes how much the weights differ.
    /// </summary>
    /// <param name="args">The beginning of the result's file name, the steps, and optionally a part of the families' names.</param>
    public static void Main(string[] args)
    {
        (int rank, int size) = (Number("OMPI_COMM_WORLD_RANK"), Number("OMPI_COMM_WORLD_SIZE"));
        long steps = long.Parse(args[1], CultureInfo.InvariantCulture);
        var results = new List<FamilyDifference>();
        foreach ((int i, Type family) in Families(args.ElementAtOrDefault(2) ?? "").Index())
        {
            var training = (IProcessConformity)Activator.CreateInstance(family)!;
            Dictionary<string, float[]> together = training.Train(
                new DistributedOptions { Timeout = TimeSpan.FromMinutes(2), BucketSize = 1 }, 1, steps);
            if (i % size == rank)
                results.Add(FamilyDifference.Between(family.Name, training.Train(null, size, steps), together));
        }

        File.WriteAllText($"{args[0]}.{rank}", JsonSerializer.Serialize(results));
    }

    /// <summary>The families, by the tests that each has to pass.</summary>
    public static IEnumerable<Type> Families(string part = "") => typeof(TrainingProcess).Assembly.GetTypes()
        .Where(t => !t.IsAbstract && t.IsAssignableTo(typeof(IProcessConformity)) && t.Name.Contains(part, StringComparison.Ordinal))
        .OrderBy(t => t.FullName, StringComparer.Ordinal);

    private static int Number(string variable) => int.Parse(Environment.GetEnvironmentVariable(variable)!, CultureInfo.InvariantCulture);
}

/// <summary>How much the weights of two trainings of a family differ.</summary>
/// <param name="Family">The family.</param>
/// <param name="Tensor">The tensor with the largest difference.</param>
/// <param name="Relative">That difference over the largest value of the tensor, or 0.001 if all are smaller.</param>
internal sealed record FamilyDifference(string Family, string Tensor, double Relative)
{
    private const double SmallestScale = 1e-3;

    public static FamilyDifference Between(string family, Dictionary<string, float[]> expected, Dictionary<string, float[]> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        return expected.Select(e => new FamilyDifference(family, e.Key, Of(e.Value, actual[e.Key]))).MaxBy(d => d.Relative)!;
    }

    private static double Of(float[] expected, float[] actual)
    {
        double scale = Math.Max(SmallestScale, expected.Max(v => Math.Abs((double)v)));
        return expected.Zip(actual, (a, b) => Math.Abs((double)a - b)).Max() / scale;
    }
}
