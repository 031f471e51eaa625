using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>Shows images that the model generates from always the same random numbers.</summary>
internal sealed class CodePriorPreview : ITrainingPreview
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly TrainingRun _run;
    private readonly VqVaeNetwork _network;
    private readonly CodeGrid _grid;

    private CodePriorPreview(TrainingRun run, VqVaeNetwork network, CodeGrid grid)
    {
        (_run, _network, _grid) = (run, network, grid);
    }

    /// <summary>The preview, or <see langword="null"/> if it would be shown nowhere.</summary>
    public static CodePriorPreview? Open(TrainingRun run, VqVaeNetwork network, CodeGrid grid) =>
        run.Options.WritesPreviews ? new CodePriorPreview(run, network, grid) : null;

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        long[] codes = CodeSampler.Sample(_network.Prior, _grid, _run.Seed, 0, Samples, temperature: 1, _run.Device, _run.StopIfCancelled);
        torch.Tensor vectors = _network.Autoencoder.Quantizer.Vectors(torch.tensor(codes, device: _run.Device));
        return [new ImagePreview("samples", _network.Autoencoder.Decode(vectors, _grid), SamplesInRow)];
    }

    public void Dispose()
    {
    }
}
