using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>
/// Initializes low-rank adapters, with random numbers of libtorch's own generator, as PEFT does. What is said of matrices holds for
/// convolutions, whose kernels count as further inputs.
/// </summary>
internal static class LoraInitializer
{
    /// <param name="adapter">An adapter on the device of the weight.</param>
    /// <param name="kind">How its matrices begin.</param>
    /// <param name="rows">The layer, or its part.</param>
    public static void Initialize(LoraAdapter adapter, LoraInitialization kind, AdaptedRows rows)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = rows.Weight();
        switch (kind)
        {
            case var _ when rows.Layer is EmbeddingTable:
                adapter.A.zero_();
                Draw(adapter.B, values => nn.init.normal_(values));
                break;
            case LoraInitialization.Gaussian:
                Draw(adapter.A, values => nn.init.normal_(values, 0, 1.0 / adapter.Rank));
                break;
            case LoraInitialization.Pissa:
                TakePrincipal(adapter, weight.flatten(1));
                adapter.StartFromHere();
                break;
            case LoraInitialization.Olora:
                TakeBasis(adapter, weight.flatten(1));
                adapter.StartFromHere();
                break;
            case LoraInitialization.Orthogonal:
                MakeOrthogonal(adapter);
                break;
            default:
                // Kaiming-uniform with a = √5: uniform in ±1/√inputs.
                double bound = 1 / Math.Sqrt(adapter.A[0].numel());
                Draw(adapter.A, values => nn.init.uniform_(values, -bound, bound));
                break;
        }

        adapter.TakeMagnitude(weight);
    }

    // On the CPU, so that a seed gives the same numbers on every device.
    private static void Draw(Tensor target, Action<Tensor> draw)
    {
        Tensor values = empty(target.shape);
        draw(values);
        target.copy_(values);
    }

    // s B A are the largest singular values with their vectors, divided evenly between A and B.
    private static void TakePrincipal(LoraAdapter adapter, Tensor weight)
    {
        (Tensor left, Tensor values, Tensor right) = linalg.svd(weight, fullMatrices: false); // [outputs, n], [n], [n, inputs]
        Tensor root = values.narrow(0, 0, adapter.Rank).Over(adapter.Scale).sqrt(); // [rank]
        Set(adapter, right.narrow(0, 0, adapter.Rank) * root.unsqueeze(1), left.narrow(1, 0, adapter.Rank) * root.unsqueeze(0));
    }

    private static void TakeBasis(LoraAdapter adapter, Tensor weight)
    {
        (Tensor q, Tensor r) = linalg.qr(weight); // [outputs, n], [n, inputs]
        Set(adapter, r.narrow(0, 0, adapter.Rank), q.narrow(1, 0, adapter.Rank));
    }

    // The rows of an orthogonal matrix, every other one for A and for B: B A contains their products, which are 0.
    private static void MakeOrthogonal(LoraAdapter adapter)
    {
        const double deviation = 0.1;
        int rank = adapter.Rank;
        Device device = adapter.A.device;
        (Tensor q, _) = linalg.qr(randn(rank, rank)); // [rank, rank]
        Tensor pairs = q.view(rank / 2, 2, rank); // [rank / 2, 2, rank]
        Tensor down = randn(adapter.A[0].numel(), rank / 2).mm(pairs.select(1, 0)); // [inputs, rank]
        Tensor up = randn(adapter.B.size(0), rank / 2).mm(pairs.select(1, 1)); // [outputs, rank]
        Set(adapter, down.t().Times(deviation).to(device), up.Times(deviation).to(device));
    }

    // [rank, inputs · kernel], [outputs, rank]
    private static void Set(LoraAdapter adapter, Tensor a, Tensor b)
    {
        adapter.A.copy_(a.reshape(adapter.A.shape));
        adapter.B.copy_(b.reshape(adapter.B.shape));
    }
}
