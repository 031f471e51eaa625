using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Batches;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Checkpoints;

/// <summary>
/// The states of the batch sources that have one: the values of each, and its tensors under names that begin with the feed's number.
/// </summary>
internal sealed class SourceStates
{
    private readonly BatchFeed[] _feeds;

    public SourceStates(BatchFeed[] feeds) => _feeds = feeds;

    /// <summary>Whether any source has a state.</summary>
    public bool Any => _feeds.Any(f => f.Source is IStatefulBatchSource);

    /// <summary>The states as they are now.</summary>
    public (JsonNode?[]? Values, IEnumerable<(string Name, torch.Tensor Tensor)> Tensors) Save()
    {
        BatchSourceState?[] states = [.. _feeds.Select(f => (f.Source as IStatefulBatchSource)?.SaveState())];
        return (
            Any ? [.. states.Select(s => s?.Values)] : null,
            states.SelectMany((state, i) => state is null ? [] : state.Tensors.Select(t => (Prefix(i) + t.Key, t.Value))));
    }

    /// <summary>Whether a tensor of a checkpoint belongs to a source.</summary>
    public bool Owns(string tensor) =>
        _feeds.Select((feed, i) => (feed, i))
        .Any(f => f.feed.Source is IStatefulBatchSource && tensor.StartsWith(Prefix(f.i), StringComparison.Ordinal));

    /// <summary>Continues all feeds at their positions.</summary>
    /// <param name="state">The checkpoint.</param>
    /// <param name="tensors">The tensors that <see cref="Owns"/> says are those of sources.</param>
    public void Resume(CheckpointState state, IReadOnlyDictionary<string, torch.Tensor> tensors)
    {
        for (int i = 0; i < _feeds.Length; i++)
        {
            if (_feeds[i].Source is not IStatefulBatchSource)
            {
                _feeds[i].Start(state.Feeds[i]);
                continue;
            }

            string prefix = Prefix(i);
            _feeds[i].Resume(state.Feeds[i], new BatchSourceState(
                state.SourceStates![i],
                tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(t => t.Key[prefix.Length..], t => t.Value)));
        }
    }

    private static string Prefix(int feed) => string.Create(CultureInfo.InvariantCulture, $"source{feed}.");
}
