using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// Carries tensors between the processes of a training, which have met for it. All call the same, in the same order, with tensors of the
/// same types and sizes. An exchange may be on its way until <see cref="Complete"/>; what it carries stays alive so long.
/// </summary>
internal interface ITensorExchange : IDisposable
{
    /// <summary>Whether an exchange has ended when its call has, so that a clock measures it.</summary>
    bool IsSynchronous { get; }

    /// <summary>A mark behind all that this thread has asked the device to compute so far.</summary>
    nint Mark();

    /// <summary>What is exchanged next waits for what is before a mark, and not for what the device computes later.</summary>
    /// <param name="mark">The mark, which is used up; 0: all that was asked so far.</param>
    void After(nint mark);

    /// <summary>Replaces the values of a tensor of Float32 by their sums over all processes, the same to the bit in all of them.</summary>
    void Sum(torch.Tensor tensor);

    /// <summary>
    /// Sums tensors of Float32 over all processes, each in the process that owns it; in the others it loses its values.
    /// </summary>
    /// <param name="parts">A tensor of each process, in the order of their numbers.</param>
    void SumIntoOwners(IReadOnlyList<torch.Tensor> parts);

    /// <summary>Gives all processes the values that tensors have in one of them.</summary>
    /// <param name="tensors">Tensors of any type, each with the process that has its values.</param>
    void Broadcast(IEnumerable<(int Owner, torch.Tensor Values)> tensors);

    /// <summary>Waits until all that was exchanged has arrived.</summary>
    /// <exception cref="TimeoutException">A process does not answer.</exception>
    /// <exception cref="InvalidOperationException">The exchange has failed.</exception>
    void Complete();
}
