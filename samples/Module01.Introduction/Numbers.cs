namespace Module01;

/// <summary>Small computations that several sections need.</summary>
internal static class Numbers
{
    /// <summary>The logarithm of a sum of numbers whose logarithms are given.</summary>
    public static double LogSum(IReadOnlyCollection<double> logarithms)
    {
        double largest = logarithms.Max();
        return largest + Math.Log(logarithms.Sum(value => Math.Exp(value - largest)));
    }

    public static int IndexOfMax<T>(IReadOnlyList<T> values) => values.Index().MaxBy(value => value.Item).Index;

    /// <summary>The share of predicted classes that are right.</summary>
    public static double Accuracy(IEnumerable<int> predicted, IEnumerable<int> labels) =>
        predicted.Zip(labels).Average(pair => pair.First == pair.Second ? 1.0 : 0.0);
}
