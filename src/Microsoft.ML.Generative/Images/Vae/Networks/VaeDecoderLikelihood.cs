using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>p(x|z): the distribution of each value, which the decoder's output for it parameterizes.</summary>
internal abstract class VaeDecoderLikelihood(string name) : nn.Module(name)
{
    /// <summary>Creates the likelihood of an architecture.</summary>
    public static VaeDecoderLikelihood Create(VaeArchitecture architecture) => architecture.Likelihood switch
    {
        VaeLikelihood.Bernoulli => new BernoulliLikelihood(),
        VaeLikelihood.Gaussian => new GaussianLikelihood(architecture.NoiseStandardDeviation),
        VaeLikelihood.LearnedGaussian => new LearnedGaussianLikelihood(architecture.NoiseStandardDeviation),
        _ => new DiscretizedLogisticLikelihood(architecture.Channels, architecture.Row.Size),
    };

    /// <summary>The values that a row may hold.</summary>
    public static ValueRange RangeOf(VaeLikelihood likelihood) =>
        likelihood is VaeLikelihood.Bernoulli or VaeLikelihood.DiscretizedLogistic ? ValueRange.Unit : ValueRange.Finite;

    /// <summary>The values that a row of the training may hold.</summary>
    public static ValueRange TrainingRangeOf(VaeLikelihood likelihood) =>
        RangeOf(likelihood) == ValueRange.Unit ? ValueRange.Unit : ValueRange.Scaled;

    /// <summary>The mean of p(x|z), of the shape of <paramref name="decoded"/>.</summary>
    public abstract Tensor Mean(Tensor decoded);

    /// <summary>−log p(x|z) in nats.</summary>
    /// <param name="decoded">The decoder's output, [batch, values].</param>
    /// <param name="x">The values, [batch, values].</param>
    /// <param name="reduction">Each value's, or their sum over everything.</param>
    public abstract Tensor NegativeLog(Tensor decoded, Tensor x, Reduction reduction);

    /// <summary>Logits of ones (Kingma, Welling 2013, appendix C.1).</summary>
    private sealed class BernoulliLikelihood() : VaeDecoderLikelihood(nameof(BernoulliLikelihood))
    {
        public override Tensor Mean(Tensor decoded) => decoded.sigmoid();

        public override Tensor NegativeLog(Tensor decoded, Tensor x, Reduction reduction) =>
            F.binary_cross_entropy_with_logits(decoded, x, reduction: reduction);
    }

    /// <summary>Means of normal noise of a given size (appendix C.2).</summary>
    private sealed class GaussianLikelihood(double noise) : VaeDecoderLikelihood(nameof(GaussianLikelihood))
    {
        public override Tensor Mean(Tensor decoded) => decoded;

        public override Tensor NegativeLog(Tensor decoded, Tensor x, Reduction reduction)
        {
            double logNormalizer = Math.Log(noise) + 0.5 * Math.Log(2 * Math.PI);
            Tensor squares = F.mse_loss(decoded, x, reduction).Times(0.5 / (noise * noise));
            return squares.Plus(reduction == Reduction.Sum ? logNormalizer * x.numel() : logNormalizer);
        }
    }

    /// <summary>Means of normal noise whose one size is learned with the network (Rybkin, Daniilidis, Levine 2021, "σ-VAE").</summary>
    private sealed class LearnedGaussianLikelihood : VaeDecoderLikelihood
    {
        // A noise of e⁻⁶ is a quarter of a percent of the range of pixels: smaller, and a network that copies its input would diverge.
        private const double LowestLogNoise = -6;

        private readonly Parameter logNoise;

        public LearnedGaussianLikelihood(double initialNoise)
            : base(nameof(LearnedGaussianLikelihood))
        {
            logNoise = Parameter(ModuleTensors.Constant(Math.Log(initialNoise), 1));
            RegisterComponents();
        }

        public override Tensor Mean(Tensor decoded) => decoded;

        public override Tensor NegativeLog(Tensor decoded, Tensor x, Reduction reduction)
        {
            Tensor log = logNoise.Plus(-LowestLogNoise).Softplus().Plus(LowestLogNoise); // [1]
            Tensor each = ((decoded - x) * (-log).exp()).Squared().Times(0.5).Plus(log).Plus(0.5 * Math.Log(2 * Math.PI));
            return reduction == Reduction.Sum ? each.sum() : each;
        }
    }

    /// <summary>
    /// The probability that a logistic variable falls into the bin of one of 256 levels, the outer bins open (Kingma et al. 2016,
    /// "IAF", section 5.2; Salimans et al. 2017, eq. 2), with a learned scale for each channel.
    /// </summary>
    private sealed class DiscretizedLogisticLikelihood : VaeDecoderLikelihood
    {
        private const double HalfBin = 0.5 / 255;
        private const double LowestLogScale = -7;

        private readonly Parameter logScale;

        private readonly long _valuesPerChannel;

        public DiscretizedLogisticLikelihood(int channels, int inputSize)
            : base(nameof(DiscretizedLogisticLikelihood))
        {
            _valuesPerChannel = inputSize / channels;
            logScale = Parameter(ModuleTensors.Constant(Math.Log(0.1), channels));
            RegisterComponents();
        }

        public override Tensor Mean(Tensor decoded) => decoded.sigmoid();

        public override Tensor NegativeLog(Tensor decoded, Tensor x, Reduction reduction)
        {
            Tensor logScales = logScale.AtLeast(LowestLogScale).repeat_interleave(_valuesPerChannel); // [values]
            Tensor perScale = (-logScales).exp();
            Tensor distance = x - decoded.sigmoid();
            Tensor above = distance.Plus(HalfBin) * perScale;
            Tensor below = distance.Plus(-HalfBin) * perScale;

            // log(σ(a) − σ(b)) = log σ(a) + log σ(−b) + log(1 − e^(b−a)), and a − b is one bin: exact however narrow the bin is.
            Tensor logBelowUpper = F.logsigmoid(above);
            Tensor logAboveLower = F.logsigmoid(-below);
            Tensor inside = logBelowUpper.Plus(logAboveLower).Plus((-perScale.Times(-2 * HalfBin).expm1()).log());
            Tensor log = where(x.LessThan(HalfBin), logBelowUpper, where(x.GreaterThan(1 - HalfBin), logAboveLower, inside));
            return reduction == Reduction.Sum ? -log.sum() : -log;
        }
    }
}
