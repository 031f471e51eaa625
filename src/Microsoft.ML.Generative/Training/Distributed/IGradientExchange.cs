using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>Exchanges gradients with the other processes of a training, between the backward pass and clipping.</summary>
internal interface IGradientExchange
{
    /// <summary>
    /// Replaces the gradient of this process's part of a step by that of the whole step: the mean over all processes, weighted by the
    /// weights of their parts. Every process calls it equally often and in the same order, also where its part has nothing to learn.
    /// </summary>
    /// <param name="gradients">All gradients of one network, flat, on the training device.</param>
    /// <param name="weight">The weight of this process's part, as <see cref="Data.Batches.TensorBatch.Weight"/>.</param>
    /// <returns>The weight of the whole step.</returns>
    double Average(torch.Tensor gradients, double weight);
}
