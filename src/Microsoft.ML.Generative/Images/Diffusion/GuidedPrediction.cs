using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>What a network says of noisy images of some classes, guided if that is wanted.</summary>
/// <param name="network">The network.</param>
/// <param name="inputs">The classes, and the smaller images; the noisy ones change from step to step.</param>
/// <param name="nullLabel">The class of images without one, for guidance.</param>
/// <param name="scale">w: 1 is no guidance.</param>
/// <param name="rescale">φ of Lin et al. 2023, section 3.4.</param>
internal sealed class GuidedPrediction(DenoiserNetwork network, DiffusionInputs inputs, int? nullLabel, double scale, double rescale)
{
    /// <summary>[images, channels out, height, width].</summary>
    public Tensor At(Tensor noisy, double time)
    {
        long count = noisy.size(0);
        Tensor x = inputs.With(noisy);
        if (scale == 1)
            return network.Forward(x, full([count], time, ScalarType.Float32, noisy.device), inputs.Labels);

        Tensor labels = cat([inputs.Labels!, full_like(inputs.Labels!, nullLabel!.Value)], 0);
        Tensor[] outputs = network.Forward(cat([x, x], 0), full([2 * count], time, ScalarType.Float32, noisy.device), labels).chunk(2, 0);
        Tensor conditional = outputs[0].narrow(1, 0, noisy.size(1)), unconditional = outputs[1].narrow(1, 0, noisy.size(1));

        // Ho, Salimans 2022, eq. 6, with w counted as the guided models of the field count it.
        Tensor guided = unconditional.Plus(conditional - unconditional, scale);
        if (rescale > 0)
        {
            Tensor rescaled = guided * Deviation(conditional) / Deviation(guided);
            guided = guided.Times(1 - rescale).Plus(rescaled, rescale);
        }

        // What the network says of the variance is not guided.
        return outputs[0].size(1) == noisy.size(1) ? guided : cat([guided, outputs[0].narrow(1, noisy.size(1), noisy.size(1))], 1);
    }

    /// <summary>The same for other images, all with the conditions of the first.</summary>
    public GuidedPrediction OfFirst(int count) => new(network, inputs.OfFirst(count), nullLabel, scale, rescale);

    private static Tensor Deviation(Tensor x) => x.flatten(1).std(1).view(-1, 1, 1, 1);
}
