using Microsoft.ML.Generative.Training.Checkpoints;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>The networks as they were when the validation loss was best.</summary>
internal sealed class BestWeights(IReadOnlyList<TrainedNetwork> networks)
{
    /// <summary>How the names of the weights kept begin.</summary>
    public const string Prefix = "best.";

    private readonly List<(string Name, torch.Tensor Kept)> _kept = [];

    /// <summary>The loss and when it was; <see langword="null"/> before the first.</summary>
    public BestScore? Score { get; private set; }

    /// <summary>The weights kept, under names that are unique among the networks.</summary>
    public IEnumerable<(string Name, torch.Tensor Values)> State => _kept.Select(k => (k.Name, k.Kept));

    /// <summary>Takes note of a validation, and keeps the networks if none was better.</summary>
    public void Offer(double loss, long step)
    {
        if (Score is { } best && !(loss < best.Loss))
        {
            Score = best with { EpochsSince = best.EpochsSince + 1 };
            return;
        }

        // A first loss that is not a number is beaten by any later one.
        Score = new BestScore(double.IsFinite(loss) ? loss : double.MaxValue, step, 0);
        EnsureMemory();
        using IDisposable noGradient = torch.no_grad();
        foreach (var ((_, kept), (_, live)) in _kept.Zip(Live()))
            kept.copy_(live);
    }

    /// <summary>Takes a score from a checkpoint, whose weights are to be copied into <see cref="State"/>.</summary>
    public void Resume(BestScore score)
    {
        Score = score;
        EnsureMemory();
    }

    /// <summary>Gives the networks the weights kept, as their final ones.</summary>
    public void Restore()
    {
        using IDisposable noGradient = torch.no_grad();
        foreach (var ((_, kept), (_, live)) in _kept.Zip(Live()))
            live.copy_(kept);
    }

    public void Release()
    {
        foreach (var (_, kept) in _kept)
            kept.Dispose();
        _kept.Clear();
    }

    private IEnumerable<(string Name, torch.Tensor Values)> Live() =>
        networks.SelectMany(n => n.EvaluationState.Select(s => ($"{Prefix}{n.Name}.{s.Name}", s.Values)));

    private void EnsureMemory()
    {
        if (_kept.Count == 0)
            _kept.AddRange(Live().Select(s => (s.Name, torch.empty_like(s.Values).DetachFromDisposeScope())));
    }
}
