using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// A part of the weights for each process, which updates them and alone has the optimizer's state of them (ZeRO, stage 1; Rajbhandari et
/// al. 2019). The parts of a flat buffer have the same length but for the last one.
/// </summary>
/// <param name="group">The processes.</param>
/// <param name="count">The weights.</param>
internal sealed class OptimizerShards(ProcessGroup group, long count)
{
    // Parts begin where vector instructions like it.
    private const long Alignment = 64;

    /// <summary>The first weight of this process.</summary>
    public long First => Start(group.Rank);

    /// <summary>The weights of this process.</summary>
    public long Length => Start(group.Rank + 1) - First;

    /// <summary>
    /// Sums a part of the gradients over all processes, which have met for gradients: each has those of its weights afterwards, and no
    /// others.
    /// </summary>
    /// <param name="gradients">All gradients.</param>
    /// <param name="first">The first of the part.</param>
    /// <param name="length">The length of the part.</param>
    /// <param name="mark">What the device has computed it before.</param>
    /// <inheritdoc cref="ProcessGroup.SumBucketIntoOwners" path="/exception"/>
    public void Reduce(torch.Tensor gradients, long first, long length, nint mark) =>
        Within(gradients, first, length, parts => group.SumBucketIntoOwners(parts, mark));

    /// <summary>Gives all processes the weights that each has updated.</summary>
    /// <inheritdoc cref="ProcessGroup.SumIntoOwners" path="/exception"/>
    public void Gather(torch.Tensor weights) => Within(weights, 0, count, parts => group.FromOwners("updated weights", parts));

    /// <summary>The Euclidean norm of all parts, given that of this process.</summary>
    /// <inheritdoc cref="ProcessGroup.SumIntoOwners" path="/exception"/>
    public double Norm(double ofPart) => Math.Sqrt(group.Sum("the norm of a gradient", ofPart * ofPart)[0]);

    /// <summary>All values in process 0; nothing in the others.</summary>
    /// <param name="part">Those of this process.</param>
    /// <inheritdoc cref="ProcessGroup.SumIntoOwners" path="/exception"/>
    public torch.Tensor? ToLeader(torch.Tensor part)
    {
        torch.Tensor? all = group.IsLeader ? torch.zeros(count, device: part.device).DetachFromDisposeScope() : null;
        for (int owner = 0; owner < group.Size; owner++)
        {
            // The others add 0 to the values of the owner.
            using DisposeScope scope = torch.NewDisposeScope();
            long length = Start(owner + 1) - Start(owner);
            torch.Tensor values = all?.narrow(0, Start(owner), length) ?? torch.zeros(length, device: part.device);
            if (owner == group.Rank)
                values.copy_(part);
            group.SumIntoOwners("the state of an optimizer", [values]);
        }

        return all;
    }

    /// <summary>Takes this process's part of values that process 0 has.</summary>
    /// <param name="all">The values, in process 0.</param>
    /// <param name="part">Those of this process, to be set.</param>
    /// <inheritdoc cref="ProcessGroup.SumIntoOwners" path="/exception"/>
    public void FromLeader(torch.Tensor? all, torch.Tensor part)
    {
        for (int owner = 0; owner < group.Size; owner++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            long length = Start(owner + 1) - Start(owner);
            torch.Tensor values = all?.narrow(0, Start(owner), length) ?? torch.empty(length, device: part.device);
            group.Broadcast("the state of an optimizer", [values]);
            if (owner == group.Rank)
                part.copy_(values);
        }
    }

    private long Start(int rank) => rank == group.Size ? count : count / Alignment * rank / group.Size * Alignment;

    private void Within(torch.Tensor buffer, long first, long length, Action<IReadOnlyList<torch.Tensor>> act)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        act([.. Enumerable.Range(0, group.Size).Select(rank =>
        {
            long start = Math.Clamp(Start(rank), first, first + length), end = Math.Clamp(Start(rank + 1), first, first + length);
            return buffer.narrow(0, start, end - start);
        })]);
    }
}
