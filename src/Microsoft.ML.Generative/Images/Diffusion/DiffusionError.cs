using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>How far the predictions of a diffusion model are from what is asked for, whatever it was trained with.</summary>
internal class DiffusionError : IDisposable
{
    public DiffusionError(DiffusionArchitecture architecture, DenoiserNetwork network, Device device)
    {
        (Architecture, Network) = (architecture, network);
        if (architecture.Process == DiffusionProcess.Denoising)
            Tables = new NoiseTables(new NoiseSchedule(architecture.NoiseSchedule), device);
    }

    private protected DiffusionArchitecture Architecture { get; }

    private protected DenoiserNetwork Network { get; }

    /// <summary>Of a denoising process; <see langword="null"/> for flow matching.</summary>
    private protected NoiseTables? Tables { get; }

    private protected int Timesteps => Architecture.NoiseSchedule.TrainTimesteps;

    /// <summary>Losses of rows at one of several times, spread evenly, and what it adds to the variational bound of them all.</summary>
    /// <param name="inputs">The rows.</param>
    /// <param name="noise">Standard normal, [batch, channels, height, width].</param>
    /// <param name="step">Which of the times, from 0.</param>
    /// <param name="steps">How many times, at most the timesteps.</param>
    public DiffusionScore Score(DiffusionInputs inputs, Tensor noise, int step, int steps)
    {
        long rows = inputs.Images.size(0);
        if (Tables is null)
        {
            Tensor times = TensorFactory.Constant([rows], (step + 0.5) / steps, ScalarType.Float32, noise.device);
            return new DiffusionScore(FlowSquares(inputs, noise, times), null, null);
        }

        // A time stands for those up to the next; the first timestep, whose loss is another one, for itself only.
        int timestep = (int)((long)step * Timesteps / steps), next = (int)((step + 1L) * Timesteps / steps);
        int stands = step == 0 ? 1 : next - timestep + (step == 1 ? timestep - 1 : 0);
        Tensor timesteps = TensorFactory.Constant([rows], timestep, noise.device);
        Tensor noisy = Tables.Factors(timesteps).Sample(inputs.Images, noise);
        (Tensor output, Tensor? variance) = Predict(inputs, noisy, timesteps);
        Tensor squares = SquaresOf(output, Target(inputs.Images, noise, timesteps));
        Tensor noiseSquares = Architecture.Prediction == PredictionType.Epsilon
            ? squares
            : SquaresOf(Tables.Factors(timesteps).Epsilon(noisy, output, Architecture.Prediction), noise);
        return new DiffusionScore(
            squares, noiseSquares, VariationalTerms(inputs.Images, noisy, output, variance, timesteps).Times(stands));
    }

    /// <summary>KL(q(x[T] | x0) ‖ N(0, 1)) in nats per dimension: [batch] (Ho et al. 2020, eq. 5).</summary>
    public Tensor PriorTerms(Tensor images)
    {
        Tensor last = TensorFactory.Constant([images.size(0)], Timesteps - 1, images.device);
        (Tensor mean, Tensor logVariance) = Tables!.Noisy(images, last);
        return GaussianDivergence(mean, logVariance, zeros_like(mean), zeros_like(logVariance)).flatten(1).mean([1]);
    }

    private protected (Tensor Output, Tensor? Variance) Predict(DiffusionInputs inputs, Tensor noisy, Tensor timesteps)
    {
        Tensor output = Network.Forward(noisy, timesteps.to(ScalarType.Float32), inputs.Conditions);
        if (!Architecture.LearnsVariance)
            return (output, null);
        Tensor[] parts = output.chunk(2, 1);
        return (parts[0], parts[1]);
    }

    private protected Tensor Target(Tensor images, Tensor noise, Tensor timesteps) => Architecture.Prediction switch
    {
        PredictionType.Sample => images,
        PredictionType.Velocity => Tables!.Factors(timesteps).Velocity(images, noise),
        _ => noise,
    };

    /// <summary>
    /// KL(q(x[t−1] | x[t], x0) ‖ p(x[t−1] | x[t])) in nats per dimension, or −log p(x0 | x[1]) at the first timestep (Ho et al. 2020, eq.
    /// 5; Nichol, Dhariwal 2021, section 3.1): [batch].
    /// </summary>
    /// <param name="images">x0, in −1..1.</param>
    /// <param name="noisy">x[t].</param>
    /// <param name="output">What the network says.</param>
    /// <param name="variance">What it says of the variance, −1..1 between its bounds; <see langword="null"/>: β.</param>
    /// <param name="timesteps">t, [batch].</param>
    public Tensor VariationalTerms(Tensor images, Tensor noisy, Tensor output, Tensor? variance, Tensor timesteps)
    {
        NoiseTables tables = Tables!;
        (Tensor trueMean, Tensor trueLogVariance) = tables.PosteriorOf(images, noisy, timesteps);
        Tensor predicted = tables.Factors(timesteps).Image(noisy, output, Architecture.Prediction);
        // Beyond what an image can be the mean is only wrong, unless its gradient is wanted; the mean of the hybrid loss has none.
        (Tensor mean, _) = tables.PosteriorOf(predicted.Within(-1, 1), noisy, timesteps);
        Tensor logVariance = tables.LogVariance(variance, timesteps);

        Tensor divergence = GaussianDivergence(trueMean, trueLogVariance, mean, logVariance);
        Tensor likelihood = -PixelLogLikelihood(images, mean, logVariance.Times(0.5));
        return where(timesteps.EqualTo(0).view(-1, 1, 1, 1), likelihood, divergence).flatten(1).mean([1]);
    }

    public static Tensor GaussianDivergence(Tensor mean1, Tensor logVariance1, Tensor mean2, Tensor logVariance2) =>
        (logVariance2 - logVariance1)
            .Plus((logVariance1 - logVariance2).exp())
            .Plus((mean1 - mean2).Squared() * (-logVariance2).exp())
            .Plus(-1)
            .Times(0.5);

    /// <summary>log of a normal distribution's mass on each of 256 levels of −1..1 (Ho et al. 2020, eq. 13).</summary>
    public static Tensor PixelLogLikelihood(Tensor x, Tensor mean, Tensor logDeviation)
    {
        Tensor centered = (x - mean).to(ScalarType.Float64), inverse = (-logDeviation.to(ScalarType.Float64)).exp();
        Tensor above = Cdf(inverse * centered.Plus(1.0 / 255)), below = Cdf(inverse * centered.Plus(-1.0 / 255));
        Tensor edge = ones_like(above);
        Tensor mass = where(x.GreaterThan(0.999), edge, above) - where(x.LessThan(-0.999), zeros_like(below), below);
        return mass.AtLeast(1e-12).log().to(ScalarType.Float32);

        static Tensor Cdf(Tensor z) => special.erf(z.Times(1 / Math.Sqrt(2))).Plus(1).Times(0.5);
    }

    private protected static Tensor SquaresOf(Tensor output, Tensor target) => (output - target).Squared().flatten(1).mean([1]);

    // Lipman et al. 2022, eq. 23 with no noise left.
    private protected Tensor FlowSquares(DiffusionInputs inputs, Tensor noise, Tensor sigma)
    {
        Tensor noisy = lerp(inputs.Images, noise, sigma.view(-1, 1, 1, 1));
        return SquaresOf(Network.Forward(noisy, sigma.Times(Timesteps), inputs.Conditions), noise - inputs.Images);
    }

    public void Dispose()
    {
        Tables?.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>How well a network does at one time: each [batch].</summary>
/// <param name="Squares">The mean squared error of what it is asked for.</param>
/// <param name="NoiseSquares">That of the noise.</param>
/// <param name="Bound">What the time, and those that it stands for, add to the variational bound, in nats per dimension.</param>
internal readonly record struct DiffusionScore(Tensor Squares, Tensor? NoiseSquares, Tensor? Bound);
