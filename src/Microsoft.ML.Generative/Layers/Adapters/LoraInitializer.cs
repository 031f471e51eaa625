using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>Initializes low-rank adapters, with random numbers of libtorch's own generator, as PEFT does.</summary>
internal static class LoraInitializer
{
    /// <param name="adapter">An adapter on the device of the weight.</param>
    /// <param name="kind">How its matrices begin.</param>
    /// <param name="weight">The weight of the layer, or the rows of the part, [outputs, inputs].</param>
    public static void Initialize(LoraAdapter adapter, LoraInitialization kind, Tensor weight)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        switch (kind)
        {
            case LoraInitialization.Gaussian:
                nn.init.normal_(adapter.A, 0, 1.0 / adapter.Rank);
                break;
            case LoraInitialization.Pissa:
                TakePrincipal(adapter, weight);
                adapter.StartFromHere();
                break;
            case LoraInitialization.Olora:
                TakeBasis(adapter, weight);
                adapter.StartFromHere();
                break;
            case LoraInitialization.Orthogonal:
                MakeOrthogonal(adapter);
                break;
            default:
                // Kaiming-uniform with a = √5: uniform in ±1/√inputs.
                double bound = 1 / Math.Sqrt(adapter.A.size(1));
                nn.init.uniform_(adapter.A, -bound, bound);
                break;
        }

        adapter.TakeMagnitude(weight);
    }

    // s B A are the largest singular values with their vectors, divided evenly between A and B.
    private static void TakePrincipal(LoraAdapter adapter, Tensor weight)
    {
        (Tensor left, Tensor values, Tensor right) = linalg.svd(weight, fullMatrices: false); // [outputs, n], [n], [n, inputs]
        Tensor root = values.narrow(0, 0, adapter.Rank).Over(adapter.Scale).sqrt(); // [rank]
        adapter.A.copy_(right.narrow(0, 0, adapter.Rank) * root.unsqueeze(1)); // [rank, inputs]
        adapter.B.copy_(left.narrow(1, 0, adapter.Rank) * root.unsqueeze(0)); // [outputs, rank]
    }

    private static void TakeBasis(LoraAdapter adapter, Tensor weight)
    {
        (Tensor q, Tensor r) = linalg.qr(weight); // [outputs, n], [n, inputs]
        adapter.A.copy_(r.narrow(0, 0, adapter.Rank)); // [rank, inputs]
        adapter.B.copy_(q.narrow(1, 0, adapter.Rank)); // [outputs, rank]
    }

    // The rows of an orthogonal matrix, every other one for A and for B: B A contains their products, which are 0.
    private static void MakeOrthogonal(LoraAdapter adapter)
    {
        const double deviation = 0.1;
        int rank = adapter.Rank;
        Device device = adapter.A.device;
        (Tensor q, _) = linalg.qr(randn(rank, rank)); // [rank, rank]
        Tensor pairs = q.view(rank / 2, 2, rank); // [rank / 2, 2, rank]
        Tensor down = randn(adapter.A.size(1), rank / 2).mm(pairs.select(1, 0)); // [inputs, rank]
        Tensor up = randn(adapter.B.size(0), rank / 2).mm(pairs.select(1, 1)); // [outputs, rank]
        adapter.A.copy_(down.t().Times(deviation).to(device));
        adapter.B.copy_(up.Times(deviation).to(device));
    }
}
