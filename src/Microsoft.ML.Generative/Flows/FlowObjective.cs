using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>What the training of a normalizing flow minimizes: −log p(x), averaged over the rows.</summary>
internal sealed class FlowObjective(FlowNetwork network, FlowArchitecture architecture)
{
    /// <summary>The losses of one batch: the rows, and their labels if the network has labels.</summary>
    public Losses Losses(StepContext step, TensorBatch batch)
    {
        Tensor? noise = architecture.IsDequantized
            ? step.Draw(batch.Rows, rows => Noise(architecture, rows, step.Generator)).OnDevice(step.Device)
            : null;
        Tensor loss = NegativeLogDensity(network, architecture, batch, noise).mean();
        return architecture.IsDequantized
            ? new Losses(loss, ("bits per dimension", loss.Times(BitsPerNat(architecture))))
            : new Losses(loss);
    }

    /// <summary>−log p(x) in nats, [batch]; of bytes with uniform noise within their levels.</summary>
    public static Tensor NegativeLogDensity(FlowNetwork network, FlowArchitecture architecture, TensorBatch batch, Generator generator) =>
        NegativeLogDensity(network, architecture, batch, Noise(architecture, batch[0], generator));

    private static Tensor NegativeLogDensity(FlowNetwork network, FlowArchitecture architecture, TensorBatch batch, Tensor? noise)
    {
        Tensor x = batch[0];
        Tensor? labels = architecture.LabelCount == 0 ? null : batch[1];
        (Tensor latent, Tensor logDeterminant) = network.Encode(x, labels, noise);
        return FlowNetwork.NegativeLogDensity(latent, logDeterminant);
    }

    /// <summary>The place of each byte within its level, [batch, values] from 0 to 1, if the rows are bytes.</summary>
    public static Tensor? Noise(FlowArchitecture architecture, Tensor x, Generator generator) =>
        architecture.IsDequantized ? Noise(architecture, x.size(0), generator).OnDevice(x.device) : null;

    private static Tensor Noise(FlowArchitecture architecture, long rows, Generator generator) =>
        rand([rows, architecture.Row.Size], generator: generator);

    /// <summary>Bits per value for each nat per row.</summary>
    public static double BitsPerNat(FlowArchitecture architecture) => 1 / (Math.Log(2) * architecture.Row.Size);
}
