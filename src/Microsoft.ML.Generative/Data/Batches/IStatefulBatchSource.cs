using System.Text.Json.Nodes;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>
/// A source whose batches do not follow from the seed, the epoch and their position alone, such as roll-outs of a policy. Checkpoints keep
/// its state, so that a resumed training has the same batches.
/// </summary>
internal interface IStatefulBatchSource : IBatchSource
{
    /// <summary>The state after the last batch taken. The tensors stay the source's.</summary>
    BatchSourceState SaveState();

    /// <summary>
    /// Continues from a state in place of <see cref="IBatchSource.StartEpoch"/>: the next batch is that which followed when the state was
    /// saved. The tensors belong to the source from then on; they are on the CPU.
    /// </summary>
    void RestoreState(BatchSourceState state);
}

/// <summary>The state of a batch source.</summary>
/// <param name="Values">What JSON can hold.</param>
/// <param name="Tensors">Tensors by name.</param>
internal sealed record BatchSourceState(JsonNode? Values, IReadOnlyDictionary<string, torch.Tensor> Tensors);
