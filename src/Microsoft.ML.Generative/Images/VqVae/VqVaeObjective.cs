using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>The loss of the autoencoder, and the updates of the codebook.</summary>
/// <param name="autoencoder">The autoencoder.</param>
/// <param name="grid">The codes of an image.</param>
/// <param name="options">The weight of the commitment term, and how the codebook is updated.</param>
/// <param name="variance">The variance of the data, which takes a pass over it.</param>
internal sealed class VqVaeObjective(VqVaeAutoencoder autoencoder, CodeGrid grid, VqVaeOptions options, Lazy<double> variance)
{
    private readonly List<(torch.Tensor Vectors, torch.Tensor Codes)> _encoded = [];
    private torch.Generator? _generator;

    /// <summary>Takes the first codebook from the rows of the first step.</summary>
    public void InitializeCodebook(StepContext step, IReadOnlyList<TensorBatch> batches)
    {
        if (autoencoder.Quantizer.IsInitialized)
            return;
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor vectors = torch.cat([.. batches.Select(batch => autoencoder.Encode(batch[0]))], 0);
        autoencoder.Quantizer.Initialize(vectors, step.Generator);
    }

    /// <summary>Moves the codebook towards the rows of a step.</summary>
    public void UpdateCodebook()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor vectors = torch.cat([.. _encoded.Select(e => e.Vectors)], 0);
        torch.Tensor codes = torch.cat([.. _encoded.Select(e => e.Codes)], 0);
        autoencoder.Quantizer.Learn(vectors, codes, options.CodebookDecay, options.DeadCodeThreshold, _generator!);
        foreach (var (ofBatch, chosen) in _encoded)
        {
            ofBatch.Dispose();
            chosen.Dispose();
        }

        _encoded.Clear();
    }

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
        if (step.IsTraining)
        {
            _encoded.Add((vectors.detach().DetachFromDisposeScope(), codes.alias().DetachFromDisposeScope()));
            _generator = step.Generator;
        }

        return new Losses(
            reconstruction.Plus(commitment, options.CommitmentCost),
            ("reconstruction", reconstruction), ("commitment", commitment), ("perplexity", perplexity));
    }
}
