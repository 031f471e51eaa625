using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>Combines low-rank adapters of the same network into one whose scale is 1.</summary>
internal static class LoraCombiner
{
    /// <param name="name">The name of the result.</param>
    /// <param name="adapters">The adapters with their weights, at least one.</param>
    /// <param name="kind">How they are combined.</param>
    /// <exception cref="NotSupportedException">An adapter has magnitudes, or trained parameters of the network itself.</exception>
    /// <exception cref="ArgumentException">The ranks of a module differ where they must not.</exception>
    public static LoraWeights Combine(string name, IReadOnlyList<(LoraWeights Adapter, double Weight)> adapters, LoraCombination kind)
    {
        foreach ((LoraWeights adapter, _) in adapters)
        {
            if (adapter.Shape.UseDora || adapter.Shape.Tensors.Length > 0)
            {
                string obstacle = adapter.Shape.UseDora ? "is DoRA's" : "has parameters of the network itself";
                throw new NotSupportedException(
                    $"The adapter {Quoted.Text(adapter.Shape.Name)} {obstacle}; only changes by A and B can be combined.");
            }
        }

        using IDisposable noGradient = no_grad();
        List<LoraModuleShape> modules = [];
        List<LoraAdapter> combined = [];
        string[] names = [.. adapters.SelectMany(a => a.Adapter.Shape.Modules.Select(m => m.Name)).Distinct()];
        foreach (string module in names)
        {
            (LoraAdapter Adapter, double Weight)[] parts =
                [.. adapters.SelectMany(a => a.Adapter.Adapters.Where(m => m.Name == module).Select(m => (m.Adapter, a.Weight)))];
            LoraAdapter adapter = Combine(module, parts, kind);
            modules.Add(new LoraModuleShape(module, adapter.Rank, adapter.Rank));
            combined.Add(adapter);
        }

        return LoraWeights.Of(new LoraShape { Name = name, Modules = [.. modules] }, combined);
    }

    private static LoraAdapter Combine(string module, (LoraAdapter Adapter, double Weight)[] parts, LoraCombination kind)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor a, Tensor b) = kind switch
        {
            LoraCombination.Concatenation => (
                cat([.. parts.Select(p => p.Adapter.A.Times(p.Weight * p.Adapter.Scale))]),
                cat([.. parts.Select(p => (Tensor)p.Adapter.B)], 1)),
            LoraCombination.Svd => Closest(
                Sum(parts.Select(p => p.Adapter.Delta().Times(p.Weight))), parts.Max(p => p.Adapter.Rank), parts[0].Adapter),
            _ => AddUp(module, parts),
        };
        return new LoraAdapter(a.DetachFromDisposeScope(), b.DetachFromDisposeScope(), null, 1);
    }

    // The root of the weight goes to each matrix, its sign to A.
    private static (Tensor A, Tensor B) AddUp(string module, (LoraAdapter Adapter, double Weight)[] parts)
    {
        if (parts.Any(p => p.Adapter.Rank != parts[0].Adapter.Rank))
        {
            throw new ArgumentException(
                $"The adapters of '{module}' have the ranks {string.Join(", ", parts.Select(p => p.Adapter.Rank))}; "
                + $"{nameof(LoraCombination)}.{LoraCombination.Linear} needs equal ones. {LoraCombination.Concatenation} and "
                + $"{LoraCombination.Svd} do not.");
        }

        return (
            Sum(parts.Select(p => p.Adapter.A.Times(Math.Sign(p.Weight) * Root(p)))),
            Sum(parts.Select(p => p.Adapter.B.Times(Root(p)))));

        static double Root((LoraAdapter Adapter, double Weight) part) => Math.Sqrt(Math.Abs(part.Weight) * part.Adapter.Scale);
    }

    private static (Tensor A, Tensor B) Closest(Tensor delta, int rank, LoraAdapter like)
    {
        (Tensor left, Tensor values, Tensor right) = linalg.svd(delta.flatten(1), fullMatrices: false); // [outputs, n], [n], [n, inputs]
        rank = (int)Math.Min(rank, values.size(0));
        Tensor root = values.narrow(0, 0, rank).sqrt(); // [rank]
        Tensor a = right.narrow(0, 0, rank) * root.unsqueeze(1), b = left.narrow(1, 0, rank) * root.unsqueeze(0);
        return (a.reshape([rank, .. like.A.shape[1..]]), b.reshape([b.size(0), rank, .. like.B.shape[2..]]));
    }

    private static Tensor Sum(IEnumerable<Tensor> all) => all.Aggregate((sum, next) => sum.Plus(next));
}
