using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>The loss of a variational autoencoder.</summary>
internal sealed class VaeObjective(VaeNetwork network, VaeOptions options)
{
    /// <summary>The losses of one batch: the rows, and their labels if the network has labels.</summary>
    public Losses Losses(StepContext step, TensorBatch batch)
    {
        Tensor x = options.DynamicBinarization ? Binarize(batch[0], step) : batch[0];
        Tensor? labels = options.LabelColumnName is null ? null : batch[1];
        (Tensor mean, Tensor logVariance) = network.Encode(x, labels);
        return options.ImportanceSamples == 1
            ? NegativeElbo(step, x, labels, mean, logVariance)
            : NegativeImportanceBound(step, x, labels, mean, logVariance);
    }

    /// <summary>
    /// log p(x, z) − log q(z|x) for z = mean + exp(logVariance / 2) · noise: their mean is the ELBO, the logarithm of their mean weights
    /// the importance-weighted bound.
    /// </summary>
    /// <param name="network">The network.</param>
    /// <param name="x">[batch, ..row shape].</param>
    /// <param name="labels">[batch], or none.</param>
    /// <param name="mean">[batch, latent].</param>
    /// <param name="logVariance">[batch, latent].</param>
    /// <param name="noise">[samples, batch, latent].</param>
    /// <returns>The logarithms of the weights and log p(x|z), each [samples, batch].</returns>
    public static (Tensor LogWeights, Tensor LogLikelihood) LogWeights(
        VaeNetwork network, Tensor x, Tensor? labels, Tensor mean, Tensor logVariance, Tensor noise)
    {
        (long samples, long rows) = (noise.size(0), noise.size(1));
        Tensor z = VaeNetwork.Reparameterize(mean, logVariance, noise); // [samples, batch, latent]
        Tensor decoded = network.Decode(z.flatten(0, 1), labels?.repeat(samples)); // [samples · batch, values]
        Tensor logLikelihood = -network.NegativeLogLikelihood(decoded, x.flatten(1).repeat(samples, 1), nn.Reduction.None).sum(1)
            .view(samples, rows);

        // Both densities' constants cancel.
        Tensor logPriorToPosterior = (noise.Squared().Plus(logVariance) - z.Squared()).sum(2).Times(0.5);
        return (logLikelihood.Plus(logPriorToPosterior), logLikelihood);
    }

    /// <summary>Ones with the values as their probabilities.</summary>
    public static Tensor Binarize(Tensor x, Generator generator) => Binarize(x, rand(x.shape, generator: generator));

    private static Tensor Binarize(Tensor x, StepContext step) =>
        Binarize(x, step.Draw(x.size(0), rows => rand([rows, .. x.shape[1..]], generator: step.Generator)));

    private static Tensor Binarize(Tensor x, Tensor uniform) => uniform.OnDevice(x.device).lt(x).to(x.dtype);

    /// <summary>The weight of the KL term in a step, from 1.</summary>
    public static double BetaAt(VaeOptions options, long step, long totalSteps)
    {
        double progress = (double)(step - 1) / totalSteps;
        return options.Beta * options.KlAnnealing switch
        {
            KlAnnealing.Linear => ScheduleShapes.LinearRise(progress, options.KlWarmup),
            KlAnnealing.Cyclical => ScheduleShapes.CyclicalRise(progress, options.KlWarmup, options.KlCycles),
            _ => 1,
        };
    }

    // −ELBO of Kingma, Welling, eq. 10, with one sample of z, averaged over the rows.
    private Losses NegativeElbo(StepContext step, Tensor x, Tensor? labels, Tensor mean, Tensor logVariance)
    {
        Tensor noise = step.Draw(mean.size(0), rows => randn([rows, mean.size(1)], generator: step.Generator)).OnDevice(step.Device);
        Tensor decoded = network.Decode(VaeNetwork.Reparameterize(mean, logVariance, noise), labels);

        double perRow = 1.0 / x.size(0);
        Tensor reconstruction = network.NegativeLogLikelihood(decoded, x, nn.Reduction.Sum).Times(perRow);
        Tensor divergence = VaeNetwork.KlDivergence(mean, logVariance); // [batch, latent]
        Tensor kl = divergence.sum().Times(perRow);

        // Validation scores what the training is after in the end, so that its losses can be compared.
        double beta = step.IsTraining ? BetaAt(options, step.Step, step.TotalSteps) : options.Beta;
        Tensor cost = step.IsTraining && options.FreeBits > 0 ? divergence.mean([0]).AtLeast(options.FreeBits).sum() : kl;
        Tensor total = reconstruction.Plus(cost, beta);
        return options.KlAnnealing == KlAnnealing.Constant
            ? new Losses(total, ("reconstruction", reconstruction), ("kl", kl))
            : new Losses(total, ("reconstruction", reconstruction), ("kl", kl), ("beta", tensor(beta)));
    }

    // Burda, Grosse, Salakhutdinov, eq. 8.
    private Losses NegativeImportanceBound(StepContext step, Tensor x, Tensor? labels, Tensor mean, Tensor logVariance)
    {
        int samples = options.ImportanceSamples;
        Tensor noise = step.Draw(
            mean.size(0), rows => randn([samples, rows, mean.size(1)], generator: step.Generator), dimension: 1).OnDevice(step.Device);
        (Tensor logWeights, Tensor logLikelihood) = LogWeights(network, x, labels, mean, logVariance, noise);
        Tensor bound = logWeights.logsumexp(0).Plus(-Math.Log(samples)); // [batch]
        return new Losses(
            -bound.mean(),
            ("reconstruction", -logLikelihood.mean()),
            ("kl", VaeNetwork.KlDivergence(mean, logVariance).sum().Times(1.0 / x.size(0))));
    }
}
