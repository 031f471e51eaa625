using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// State that layers change while they compute, in a step of several batches: averages of batch normalization, vectors of power
/// iteration. Each batch finds the state as the step found it, and the step leaves the mean of what its batches leave, as one batch of
/// all rows would.
/// </summary>
internal sealed class StepBuffers : IDisposable
{
    private readonly (torch.Tensor Live, torch.Tensor Before, torch.Tensor Sum)[] _buffers;
    private double _weight;

    public StepBuffers(IEnumerable<torch.Tensor> buffers)
    {
        using IDisposable noGradient = torch.no_grad();
        _buffers = [.. buffers.Select(b => (b, b.clone().DetachFromDisposeScope(), torch.zeros_like(b).DetachFromDisposeScope()))];
    }

    /// <summary>Gives the layers the state that the step began with.</summary>
    public void BeginBatch()
    {
        using IDisposable noGradient = torch.no_grad();
        foreach (var (live, before, _) in _buffers)
            live.copy_(before);
    }

    /// <summary>Adds the state that a batch leaves.</summary>
    public void EndBatch(double weight)
    {
        using IDisposable noGradient = torch.no_grad();
        foreach (var (live, _, sum) in _buffers)
            sum.PlusInPlace(live, weight);
        _weight += weight;
    }

    /// <summary>Gives the layers the mean, over all processes of the training if there are several.</summary>
    public void EndStep(ProcessGroup? group)
    {
        using IDisposable noGradient = torch.no_grad();
        double weight = group is null || _buffers.Length == 0
            ? _weight
            : group.Sum("the averages of layers", _buffers.Select(b => b.Sum), _weight);
        foreach (var (live, before, sum) in _buffers)
            live.copy_(weight == 0 ? before : sum.TimesInPlace(1 / weight));
    }

    public void Dispose()
    {
        foreach (var (_, before, sum) in _buffers)
        {
            before.Dispose();
            sum.Dispose();
        }
    }
}
