using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>The loss of diffusion models: an image, a time and noise go in, and the network is asked for one of them.</summary>
internal sealed class DiffusionObjective : IDisposable
{
    /// <summary>Parts of the time whose losses are reported separately.</summary>
    public const int Bands = 4;

    private readonly DiffusionArchitecture _architecture;
    private readonly ConditionSet _conditions;
    private readonly DiffusionOptions _options;
    private readonly DenoiserNetwork _network;
    private readonly NoiseTables? _tables;

    public DiffusionObjective(
        DiffusionArchitecture architecture, ConditionSet conditions, DiffusionOptions options, DenoiserNetwork network, Device device)
    {
        (_architecture, _conditions, _options, _network) = (architecture, conditions, options, network);
        if (_architecture.Process == DiffusionProcess.Denoising)
            _tables = new NoiseTables(new NoiseSchedule(_architecture.NoiseSchedule), device);
    }

    private int Timesteps => _architecture.NoiseSchedule.TrainTimesteps;

    public Losses Losses(StepContext step, TensorBatch batch)
    {
        DiffusionInputs inputs = Prepare(step, batch);
        Tensor noise = randn(inputs.Images.shape, generator: step.Generator).to(step.Device);
        Tensor positions = Stratified(batch.Rows, step.Generator).to(step.Device);
        DiffusionTerms terms = _tables is null ? FlowLoss(inputs, noise, positions) : DenoisingLoss(inputs, noise, positions);
        return new Losses(terms.Weighted.mean(), [.. BandLosses(terms.Squares, terms.Position)]);
    }

    /// <summary>Losses of rows at one of several times, spread evenly, and what it adds to the variational bound of them all.</summary>
    /// <param name="inputs">The rows.</param>
    /// <param name="noise">Standard normal, [batch, channels, height, width].</param>
    /// <param name="step">Which of the times, from 0.</param>
    /// <param name="steps">How many times, at most the timesteps.</param>
    public DiffusionScore Score(DiffusionInputs inputs, Tensor noise, int step, int steps)
    {
        long rows = inputs.Images.size(0);
        if (_tables is null)
        {
            Tensor times = TensorFactory.Constant([rows], (step + 0.5) / steps, ScalarType.Float32, noise.device);
            return new DiffusionScore(FlowLoss(inputs, noise, times, isEven: true).Squares, null, null);
        }

        // A time stands for those up to the next; the first timestep, whose loss is another one, for itself only.
        int timestep = (int)((long)step * Timesteps / steps), next = (int)((step + 1L) * Timesteps / steps);
        int stands = step == 0 ? 1 : next - timestep + (step == 1 ? timestep - 1 : 0);
        Tensor timesteps = TensorFactory.Constant([rows], timestep, noise.device);
        Tensor noisy = _tables.Factors(timesteps).Sample(inputs.Images, noise);
        (Tensor output, Tensor? variance) = Predict(inputs, noisy, timesteps);
        Tensor squares = SquaresOf(output, Target(inputs.Images, noise, timesteps));
        Tensor noiseSquares = _architecture.Prediction == PredictionType.Epsilon
            ? squares
            : SquaresOf(_tables.Factors(timesteps).Epsilon(noisy, output, _architecture.Prediction), noise);
        return new DiffusionScore(
            squares, noiseSquares, VariationalTerms(inputs.Images, noisy, output, variance, timesteps).Times(stands));
    }

    /// <summary>KL(q(x[T] | x0) ‖ N(0, 1)) in nats per dimension: [batch] (Ho et al. 2020, eq. 5).</summary>
    public Tensor PriorTerms(Tensor images)
    {
        Tensor last = TensorFactory.Constant([images.size(0)], Timesteps - 1, images.device);
        (Tensor mean, Tensor logVariance) = _tables!.Noisy(images, last);
        return GaussianDivergence(mean, logVariance, zeros_like(mean), zeros_like(logVariance)).flatten(1).mean([1]);
    }

    /// <summary>Rows as the network sees them: images in −1..1, in training some flipped and some without their class.</summary>
    public DiffusionInputs Prepare(StepContext step, TensorBatch batch)
    {
        DiffusionInputs inputs = DiffusionInputs.Of(_conditions, batch.Columns);
        if (!step.IsTraining)
            return inputs;

        if (_options.FlipsHorizontally)
        {
            Tensor flips = rand([batch.Rows, 1, 1, 1], generator: step.Generator).to(step.Device).LessThan(0.5);
            ConditionValues conditions = inputs.Conditions;
            inputs = new DiffusionInputs(
                Flip(inputs.Images), conditions with { Image = conditions.Image is { } image ? Flip(image) : null });

            Tensor Flip(Tensor images) => where(flips, images.flip(3), images);
        }

        if (_conditions.Label is { HasNull: true } label)
        {
            Tensor isDropped = rand([batch.Rows], generator: step.Generator).to(step.Device).LessThan(_options.LabelDropout);
            inputs = inputs with { Conditions = inputs.Conditions with { Labels = label.Drop(inputs.Conditions.Labels!, isDropped) } };
        }

        return inputs;
    }

    // Ho et al. 2020, eq. 14; Salimans, Ho 2022, for the other things that a network can be asked for.
    private DiffusionTerms DenoisingLoss(DiffusionInputs inputs, Tensor noise, Tensor positions)
    {
        NoiseTables tables = _tables!;
        Tensor timesteps = positions.Times(Timesteps).floor().AtMost(Timesteps - 1).to(ScalarType.Int64);
        Tensor noisy = tables.Factors(timesteps).Sample(inputs.Images, noise);
        (Tensor output, Tensor? variance) = Predict(inputs, noisy, timesteps);
        Tensor squares = SquaresOf(output, Target(inputs.Images, noise, timesteps));
        Tensor weighted = _options.LossWeighting == DiffusionLossWeighting.MinSnr
            ? squares * tables.MinSnrWeights(timesteps, _architecture.Prediction, _options.MinSnrGamma)
            : squares;
        if (variance is not null)
            weighted = weighted.Plus(
                VariationalTerms(inputs.Images, noisy, output.detach(), variance, timesteps), _options.VariationalWeight * Timesteps);
        return new DiffusionTerms(weighted, squares, positions);
    }

    private (Tensor Output, Tensor? Variance) Predict(DiffusionInputs inputs, Tensor noisy, Tensor timesteps)
    {
        Tensor output = _network.Forward(noisy, timesteps.to(ScalarType.Float32), inputs.Conditions);
        if (!_architecture.LearnsVariance)
            return (output, null);
        Tensor[] parts = output.chunk(2, 1);
        return (parts[0], parts[1]);
    }

    private Tensor Target(Tensor images, Tensor noise, Tensor timesteps) => _architecture.Prediction switch
    {
        PredictionType.Sample => images,
        PredictionType.Velocity => _tables!.Factors(timesteps).Velocity(images, noise),
        _ => noise,
    };

    // Lipman et al. 2022, eq. 23 with no noise left; times from a logit-normal distribution as Esser et al. 2024, section 3.1.
    private DiffusionTerms FlowLoss(DiffusionInputs inputs, Tensor noise, Tensor positions, bool isEven = false)
    {
        Tensor sigma = positions;
        if (!isEven)
        {
            Tensor normal = special.ndtri(positions.to(ScalarType.Float64).Within(1e-6, 1 - 1e-6)).to(ScalarType.Float32);
            sigma = normal.Times(_options.TimeStandardDeviation).Plus(_options.TimeMean).sigmoid();
        }

        Tensor s = sigma.view(-1, 1, 1, 1);
        Tensor noisy = lerp(inputs.Images, noise, s);
        Tensor output = _network.Forward(noisy, sigma.Times(Timesteps), inputs.Conditions);
        Tensor squares = SquaresOf(output, noise - inputs.Images);
        return new DiffusionTerms(squares, squares, sigma);
    }

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
        NoiseTables tables = _tables!;
        (Tensor trueMean, Tensor trueLogVariance) = tables.PosteriorOf(images, noisy, timesteps);
        Tensor predicted = tables.Factors(timesteps).Image(noisy, output, _architecture.Prediction);
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
            .Plus((mean1 - mean2).square() * (-logVariance2).exp())
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

    public void Dispose() => _tables?.Dispose();

    // One time in each of as many parts as there are rows, so that a batch's loss varies less (Kingma et al. 2021, appendix I.1).
    private static Tensor Stratified(int rows, Generator generator) =>
        rand([1], generator: generator).Plus(TensorFactory.Range(rows, ScalarType.Float32).Times(1.0 / rows)).Remainder(1);

    private static Tensor SquaresOf(Tensor output, Tensor target) => (output - target).square().flatten(1).mean([1]);

    private static IEnumerable<(string Name, Tensor Value)> BandLosses(Tensor squares, Tensor positions)
    {
        Tensor losses = squares.detach(), bands = positions.Times(Bands).floor();
        for (int band = 0; band < Bands; band++)
        {
            Tensor inside = bands.EqualTo(band);
            if (inside.any().ToBoolean())
                yield return (BandName(band), losses.masked_select(inside).mean());
        }
    }

    /// <summary>How reports call the loss of one of the <see cref="Bands"/>.</summary>
    public static string BandName(int band) => $"t {100 * band / Bands}-{100 * (band + 1) / Bands}%";

    private readonly record struct DiffusionTerms(Tensor Weighted, Tensor Squares, Tensor Position);
}

/// <summary>How well a network does at one time: each [batch].</summary>
/// <param name="Squares">The mean squared error of what it is asked for.</param>
/// <param name="NoiseSquares">That of the noise.</param>
/// <param name="Bound">What the time, and those that it stands for, add to the variational bound, in nats per dimension.</param>
internal readonly record struct DiffusionScore(Tensor Squares, Tensor? NoiseSquares, Tensor? Bound);

/// <summary>Rows as the network takes them.</summary>
/// <param name="Images">[batch, channels, height, width] in −1..1.</param>
/// <param name="Conditions">Their conditions.</param>
internal readonly record struct DiffusionInputs(Tensor Images, ConditionValues Conditions)
{
    /// <summary>From a batch's columns: images, then those of the conditions.</summary>
    public static DiffusionInputs Of(ConditionSet conditions, IReadOnlyList<Tensor> columns) =>
        new(PixelScale.Signed(columns[0]), conditions.Encode(columns, first: 1));
}
