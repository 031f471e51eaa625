using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>The loss that trains a diffusion model: an image, a time and noise go in, and the network is asked for one of them.</summary>
internal sealed class DiffusionObjective : DiffusionError
{
    /// <summary>Parts of the time whose losses are reported separately.</summary>
    public const int Bands = 4;

    private readonly ConditionSet _conditions;
    private readonly DiffusionOptions _options;

    public DiffusionObjective(
        DiffusionArchitecture architecture, ConditionSet conditions, DiffusionOptions options, DenoiserNetwork network, Device device)
        : base(architecture, network, device)
    {
        (_conditions, _options) = (conditions, options);
    }

    public Losses Losses(StepContext step, TensorBatch batch)
    {
        DiffusionInputs inputs = Prepare(step, batch);
        long[] shape = inputs.Images.shape;
        Tensor noise = step.Draw(batch.Rows, rows => randn([rows, .. shape[1..]], generator: step.Generator)).OnDevice(step.Device);
        Tensor positions = step.Draw(batch.Rows, rows => Stratified(rows, step.Generator)).OnDevice(step.Device);
        DiffusionTerms terms = Tables is null ? FlowLoss(inputs, noise, positions) : DenoisingLoss(inputs, noise, positions);
        return new Losses(terms.Weighted.mean(), [.. BandLosses(terms.Squares, terms.Position)]);
    }

    /// <summary>Rows as the network sees them: images in −1..1, in training some flipped and some without their class.</summary>
    public DiffusionInputs Prepare(StepContext step, TensorBatch batch)
    {
        DiffusionInputs inputs = DiffusionInputs.Of(_conditions, batch.Columns);
        if (!step.IsTraining)
            return inputs;

        if (_options.FlipsHorizontally)
        {
            Tensor flips = step.Draw(batch.Rows, rows => rand([rows, 1, 1, 1], generator: step.Generator))
                .OnDevice(step.Device).LessThan(0.5);
            ConditionValues conditions = inputs.Conditions;
            inputs = new DiffusionInputs(
                Flip(inputs.Images), conditions with { Image = conditions.Image is { } image ? Flip(image) : null });

            Tensor Flip(Tensor images) => where(flips, images.flip(3), images);
        }

        if (_conditions.Label is { HasNull: true } label)
        {
            Tensor isDropped =
                step.Draw(batch.Rows, rows => rand([rows], generator: step.Generator))
                    .OnDevice(step.Device).LessThan(_options.LabelDropout);
            inputs = inputs with { Conditions = inputs.Conditions with { Labels = label.Drop(inputs.Conditions.Labels!, isDropped) } };
        }

        return inputs;
    }

    // Ho et al. 2020, eq. 14; Salimans, Ho 2022, for the other things that a network can be asked for.
    private DiffusionTerms DenoisingLoss(DiffusionInputs inputs, Tensor noise, Tensor positions)
    {
        NoiseTables tables = Tables!;
        Tensor timesteps = positions.Times(Timesteps).floor().AtMost(Timesteps - 1).to(ScalarType.Int64);
        Tensor noisy = tables.Factors(timesteps).Sample(inputs.Images, noise);
        (Tensor output, Tensor? variance) = Predict(inputs, noisy, timesteps);
        Tensor squares = SquaresOf(output, Target(inputs.Images, noise, timesteps));
        Tensor weighted = _options.LossWeighting == DiffusionLossWeighting.MinSnr
            ? squares * tables.MinSnrWeights(timesteps, Architecture.Prediction, _options.MinSnrGamma)
            : squares;
        if (variance is not null)
            weighted = weighted.Plus(
                VariationalTerms(inputs.Images, noisy, output.detach(), variance, timesteps), _options.VariationalWeight * Timesteps);
        return new DiffusionTerms(weighted, squares, positions);
    }

    // Times from a logit-normal distribution (Esser et al. 2024, section 3.1).
    private DiffusionTerms FlowLoss(DiffusionInputs inputs, Tensor noise, Tensor positions)
    {
        Tensor normal = special.ndtri(positions.to(ScalarType.Float64).Within(1e-6, 1 - 1e-6)).to(ScalarType.Float32);
        Tensor sigma = normal.Times(_options.TimeStandardDeviation).Plus(_options.TimeMean).sigmoid();
        Tensor squares = FlowSquares(inputs, noise, sigma);
        return new DiffusionTerms(squares, squares, sigma);
    }

    // One time in each of as many parts as there are rows, so that a batch's loss varies less (Kingma et al. 2021, appendix I.1).
    private static Tensor Stratified(long rows, Generator generator) =>
        rand([1], generator: generator).Plus(TensorFactory.Range(rows, ScalarType.Float32).Times(1.0 / rows)).Remainder(1);

    private static IEnumerable<(string Name, Tensor Value)> BandLosses(Tensor squares, Tensor positions)
    {
        Tensor losses = squares.detach(), bands = positions.Times(Bands).floor();
        for (int band = 0; band < Bands; band++)
        {
            Tensor inside = bands.EqualTo(band);
            // Of no rows it is no number, which reports leave out.
            yield return (BandName(band), losses.Masked(inside.logical_not(), 0.0).sum() / inside.sum());
        }
    }

    /// <summary>How reports call the loss of one of the <see cref="Bands"/>.</summary>
    public static string BandName(int band) => $"t {100 * band / Bands}-{100 * (band + 1) / Bands}%";

    private readonly record struct DiffusionTerms(Tensor Weighted, Tensor Squares, Tensor Position);
}

/// <summary>Rows as the network takes them.</summary>
/// <param name="Images">[batch, channels, height, width] in −1..1.</param>
/// <param name="Conditions">Their conditions.</param>
internal readonly record struct DiffusionInputs(Tensor Images, ConditionValues Conditions)
{
    /// <summary>From a batch's columns: images, then those of the conditions.</summary>
    public static DiffusionInputs Of(ConditionSet conditions, IReadOnlyList<Tensor> columns) =>
        new(PixelScale.Signed(columns[0]), conditions.Encode(columns, first: 1));
}
