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
    private readonly double _total;

    /// <param name="buffers">The state.</param>
    /// <param name="total">The weight of the step.</param>
    public StepBuffers(IEnumerable<torch.Tensor> buffers, double total)
    {
        _total = total;
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
        {
            // Rounded before it is added, as it is where another process adds it.
            using torch.Tensor part = live.Times(weight / _total);
            sum.PlusInPlace(part);
        }
    }

    /// <summary>Gives the layers the mean, over all processes of the training if there are several.</summary>
    public void EndStep(ProcessGroup? group)
    {
        using IDisposable noGradient = torch.no_grad();
        if (_buffers.Length > 0)
            group?.Sum("the averages of layers", _buffers.Select(b => b.Sum), 0);
        foreach (var (live, before, sum) in _buffers)
            live.copy_(_total == 0 ? before : sum);
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
