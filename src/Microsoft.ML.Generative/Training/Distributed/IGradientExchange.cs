using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// Exchanges gradients with the other processes of a training, between the backward pass and clipping. Every process calls it equally often
/// and in the same order, also where its part of a step has nothing to learn.
/// </summary>
internal interface IGradientExchange
{
    /// <summary>The weight of a whole step, of which each loss is to have its share.</summary>
    /// <param name="weight">The weight of this process's part, as <see cref="Data.Batches.TensorBatch.Weight"/>.</param>
    double TotalWeight(double weight);

    /// <summary>Replaces the gradient of this process's part of a step by that of the whole step, the sum over all processes.</summary>
    /// <param name="gradients">All gradients of one network, flat, on the training device.</param>
    void Sum(torch.Tensor gradients);
}
