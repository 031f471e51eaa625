using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Sampling;

/// <summary>A network with the conditions of some images, and classifier-free guidance if it is asked for (Ho, Salimans 2022).</summary>
/// <param name="network">The network.</param>
/// <param name="conditions">The model's conditions.</param>
/// <param name="values">Those of the images.</param>
/// <param name="scale">w: 1 is no guidance.</param>
/// <param name="rescale">φ of Lin et al. 2023, section 3.4.</param>
internal sealed class GuidedDenoiser(
    DenoiserNetwork network, ConditionSet conditions, ConditionValues values, double scale, double rescale)
{
    private const double LowestDeviation = 1e-8;

    /// <summary>Predicts noise, image or velocity, whichever the network was trained for.</summary>
    /// <param name="noisy">[images, channels, height, width].</param>
    /// <param name="time">In the unit of timesteps.</param>
    /// <param name="withVariance">Whether to keep the variance, where the network predicts it, in as many further channels.</param>
    /// <returns>[images, channels or 2 · channels, height, width].</returns>
    public Tensor Predict(Tensor noisy, double time, bool withVariance) =>
        Predict(noisy, TensorFactory.Constant([noisy.size(0)], time, ScalarType.Float32, noisy.device), withVariance);

    /// <summary>The same for images of different times.</summary>
    /// <param name="noisy">[images, channels, height, width].</param>
    /// <param name="times">In the unit of timesteps, [images], Float32.</param>
    /// <param name="withVariance">As for one time.</param>
    public Tensor Predict(Tensor noisy, Tensor times, bool withVariance)
    {
        Tensor output = scale == 1 ? network.Forward(noisy, times, values) : Guided(noisy, times);
        return withVariance || output.size(1) == noisy.size(1) ? output : output.narrow(1, 0, noisy.size(1));
    }

    /// <summary>The same for other images, all with the conditions of the first.</summary>
    public GuidedDenoiser OfFirst(int count) => new(network, conditions, values.OfFirst(count), scale, rescale);

    private Tensor Guided(Tensor noisy, Tensor times)
    {
        long channels = noisy.size(1);
        Tensor[] outputs = network.Forward(cat([noisy, noisy], 0), cat([times, times], 0), conditions.WithNull(values)).chunk(2, 0);
        Tensor conditional = outputs[0].narrow(1, 0, channels), unconditional = outputs[1].narrow(1, 0, channels);

        // Ho, Salimans 2022, eq. 6, with w counted as the guided models of the field count it.
        Tensor guided = unconditional.Plus(conditional - unconditional, scale);
        if (rescale > 0)
        {
            Tensor rescaled = guided * StandardDeviation(conditional) / StandardDeviation(guided);
            guided = guided.Times(1 - rescale).Plus(rescaled, rescale);
        }

        // The predicted variance is not guided.
        return outputs[0].size(1) == channels ? guided : cat([guided, outputs[0].narrow(1, channels, channels)], 1);
    }

    // [images, 1, 1, 1], above 0: a prediction may be the same everywhere.
    private static Tensor StandardDeviation(Tensor x) => x.flatten(1).std(1, unbiased: false).AtLeast(LowestDeviation).view(-1, 1, 1, 1);
}
