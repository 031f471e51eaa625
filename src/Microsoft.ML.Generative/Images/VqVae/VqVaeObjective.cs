using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>The loss of the autoencoder, and the updates of the codebook.</summary>
/// <param name="autoencoder">The autoencoder.</param>
/// <param name="grid">The codes of an image.</param>
/// <param name="options">The weight of the commitment term, and how the codebook is updated.</param>
/// <param name="variance">The variance of the data, which takes a pass over it.</param>
/// <param name="group">The processes of the training, if it has several.</param>
internal sealed class VqVaeObjective(
    VqVaeAutoencoder autoencoder, CodeGrid grid, VqVaeOptions options, Lazy<double> variance, ProcessGroup? group)
{
    private readonly List<(long FirstRow, torch.Tensor Vectors, torch.Tensor Codes)> _encoded = [];
    private torch.Generator? _generator;
    private torch.Device? _device;
    private long _rows;

    /// <summary>Takes the first codebook from the rows of the first step.</summary>
    public void InitializeCodebook(StepContext step, IReadOnlyList<StepBatch> batches)
    {
        (_generator, _device) = (step.Generator, step.Device);
        _rows = batches.Sum(b => (long)b.Rows);
        if (autoencoder.Quantizer.IsInitialized)
            return;
        using DisposeScope scope = torch.NewDisposeScope();
        var own = new List<(long, torch.Tensor)>();
        long first = 0;
        foreach (StepBatch batch in batches)
        {
            if (batch.IsOwn)
                own.Add((first, autoencoder.Encode(batch.Batch!.Value[0])));
            first += batch.Rows;
        }

        torch.Tensor vectors = OfAllProcesses(own, autoencoder.Quantizer.CodeSize, step.Device);
        autoencoder.Quantizer.Initialize(vectors, step.Generator);
    }

    /// <summary>Moves the codebook towards the rows of a step.</summary>
    public void UpdateCodebook()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        long size = autoencoder.Quantizer.CodeSize;
        // Codes are exact as floats: a codebook does not come near 2²⁴ of them.
        torch.Tensor all = OfAllProcesses(
            [.. _encoded.Select(e => (e.FirstRow, torch.cat([e.Vectors, e.Codes.unsqueeze(1).to(e.Vectors.dtype)], 1)))], size + 1,
            _device);
        autoencoder.Quantizer.Learn(
            all.narrow(1, 0, size).contiguous(), all.select(1, size).to(torch.int64), options.CodebookDecay, options.DeadCodeThreshold,
            _generator!);
        foreach (var (_, ofBatch, chosen) in _encoded)
        {
            ofBatch.Dispose();
            chosen.Dispose();
        }

        _encoded.Clear();
    }

    // [vectors, values]
    private torch.Tensor OfAllProcesses(List<(long FirstRow, torch.Tensor Values)> own, long values, torch.Device? device) => group is null
        ? torch.cat([.. own.Select(o => o.Values)], 0)
        : group.Join(
            "the vectors of a codebook", own.Select(o => (o.FirstRow * grid.Size, o.Values)), _rows * grid.Size, values,
            device ?? torch.CPU);

    // Section 3.2, eq. 3 with the codebook learned by appendix A.1; means over all values, as in the authors' code.
    public Losses Losses(StepContext step, TensorBatch batch)
    {
        torch.Tensor x = batch[0];
        VectorQuantizer quantizer = autoencoder.Quantizer;
        torch.Tensor vectors = autoencoder.Encode(x);
        torch.Tensor codes = quantizer.Nearest(vectors);
        torch.Tensor quantized = quantizer.Vectors(codes);

        torch.Tensor decoded = autoencoder.Decode(VectorQuantizer.StraightThrough(vectors, quantized), grid);
        torch.Tensor reconstruction = torch.nn.functional.mse_loss(decoded, x).Times(1 / variance.Value);
        torch.Tensor commitment = torch.nn.functional.mse_loss(vectors, quantized);
        torch.Tensor perplexity = VectorQuantizer.Perplexity(quantizer.Count(codes));
        if (step.IsTraining && !step.IsDiscarded)
            _encoded.Add((step.FirstRow, vectors.detach().DetachFromDisposeScope(), codes.alias().DetachFromDisposeScope()));

        return new Losses(
            reconstruction.Plus(commitment, options.CommitmentCost),
            ("reconstruction", reconstruction), ("commitment", commitment), ("perplexity", perplexity));
    }
}
