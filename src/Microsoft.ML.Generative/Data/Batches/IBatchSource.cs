using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Where batches come from: rows of data, or generated on the spot (noise, roll-outs of a policy).</summary>
internal interface IBatchSource
{
    /// <summary>The batches in one pass over the data, or the number that a generating source calls an epoch.</summary>
    long BatchesPerEpoch { get; }

    /// <summary>
    /// What the batches depend on beside their epoch and the training's seed, such as the rows' hash and their order: a resumed training
    /// must find the same. Empty for a source that depends on nothing else.
    /// </summary>
    string Fingerprint { get; }

    /// <summary>
    /// Goes to the start of an epoch, or to a later batch of it. The same epoch always has the same batches in the same order, unless the
    /// source has a state.
    /// </summary>
    void StartEpoch(int epoch, long skipBatches = 0);

    /// <summary>The next batch of the epoch, on the training device. Its tensors belong to the caller's dispose scope.</summary>
    TensorBatch Next();

    /// <summary>Passes over the next batch of the epoch; returns its rows.</summary>
    int Skip()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return Next().Rows;
    }
}
