using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Layers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>The averages of a generator's batch normalizations.</summary>
internal static class GeneratorAverages
{
    private const int Passes = 32;

    /// <summary>Computes the averages that belong to the weights as they are.</summary>
    public static void Renew(GeneratorNetwork network, GanArchitecture architecture, int batchSize, Device device, Generator generator) =>
        BatchNormalization.Renew(network, Passes, () => network.Forward(
            randn([batchSize, architecture.LatentSize], generator: generator).to(device),
            architecture.SampleLabels(batchSize, generator)?.to(device)));
}
