using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>The losses of discriminator and generator.</summary>
internal sealed class AdversarialObjective(
    GanArchitecture architecture, GanOptions options, GeneratorNetwork generator, DiscriminatorNetwork discriminator, GanHealth health,
    ProcessGroup? group = null)
{
    private readonly List<(Tensor Sum, int Rows)> _signs = [];

    /// <summary>Of a batch of real rows, and as many generated ones with the same classes.</summary>
    public Losses DiscriminatorLosses(StepContext context, TensorBatch batch)
    {
        Tensor real = architecture.Row.Image is null ? batch[0] : PixelScale.Signed(batch[0]);
        Tensor? labels = architecture.LabelCount > 0 ? batch[1] : null;
        Tensor generated;
        using (no_grad())
            generated = Generate(context, batch.Rows, labels);
        if (!context.IsTraining)
        {
            return new Losses(
                GanLosses.Discriminator(
                    options.Objective, discriminator.Forward(real, labels), discriminator.Forward(generated, labels),
                    options.LabelSmoothing));
        }

        bool hasPenalty = context.Step % options.PenaltyInterval == 0;
        (bool hasR1, bool hasR2) = (hasPenalty && options.R1Weight > 0, hasPenalty && options.R2Weight > 0);
        Tensor seenReal = Seen(context, real).detach().requires_grad_(hasR1),
            seenGenerated = Seen(context, generated).detach().requires_grad_(hasR2);
        Tensor realScores = discriminator.Forward(seenReal, labels), generatedScores = discriminator.Forward(seenGenerated, labels);
        Tensor loss = GanLosses.Discriminator(options.Objective, realScores, generatedScores, options.LabelSmoothing);

        var terms = new List<(string, Tensor)>();
        Tensor total = loss;
        if (hasR1)
            total = Add("R1", GanLosses.SquaredGradient(realScores, seenReal), options.R1Weight * options.PenaltyInterval);
        if (hasR2)
            total = Add("R2", GanLosses.SquaredGradient(generatedScores, seenGenerated), options.R2Weight * options.PenaltyInterval);
        if (options.Objective == GanObjective.WassersteinGradientPenalty)
        {
            Tensor position = context.Draw(batch.Rows, rows => rand([rows], generator: context.Generator)).OnDevice(context.Device);
            Tensor penalty = GanLosses.GradientPenalty(x => discriminator.Forward(x, labels), seenReal, seenGenerated, position);
            total = Add("gradient penalty", penalty, options.GradientPenaltyWeight);
        }

        if (options.AdaptiveAugmentation && !context.IsDiscarded)
            ObserveOverfitting(realScores, batch.Rows, terms);
        terms.AddRange(health.Observe(context, real, generated, labels, realScores.detach(), generatedScores.detach()));
        return new Losses(total, [.. terms]);

        Tensor Add(string name, Tensor penalty, double weight)
        {
            terms.Add((name, penalty.detach()));
            return total.Plus(penalty, weight);
        }
    }

    /// <summary>Of as many generated rows as the batch has, all classes equally often.</summary>
    public Losses GeneratorLosses(StepContext context, TensorBatch batch)
    {
        Tensor? labels = architecture.LabelCount == 0
            ? null
            : context.Draw(batch.Rows, rows => architecture.SampleLabels(rows, context.Generator)!).OnDevice(context.Device);
        Tensor generated = Generate(context, batch.Rows, labels);
        Tensor seen = context.IsTraining ? Seen(context, generated) : generated;
        Tensor loss = GanLosses.Generator(options.Objective, discriminator.Forward(seen, labels));
        return context.IsTraining ? new Losses(loss, ("generator", loss.detach())) : new Losses(loss);
    }

    /// <summary>
    /// Moves what follows the rows of a discriminator's step: the bounds of its weights, and the probability of augmentation.
    /// </summary>
    public void EndDiscriminatorStep()
    {
        if (options.Objective == GanObjective.Wasserstein)
            ClipWeights();
        if (_signs.Count > 0 || (group is not null && options.AdaptiveAugmentation))
            AdaptAugmentation();
    }

    /// <summary>Keeps the discriminator's weights within their bounds (Arjovsky et al. 2017, algorithm 1).</summary>
    public void ClipWeights()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (Tensor weights in discriminator.parameters())
            weights.WithinInPlace(-options.WeightClip, options.WeightClip);
    }

    // With the batch's own statistics also in validation: the averages of the layers do not belong to the moving average of the weights.
    private Tensor Generate(StepContext context, int rows, Tensor? labels)
    {
        generator.train();
        Tensor generated = generator.Forward(Latents(context, rows), labels);
        generator.train(context.IsTraining);
        return generated;
    }

    private Tensor Latents(StepContext context, int rows) =>
        context.Draw(rows, count => randn([count, options.LatentSize], generator: context.Generator)).OnDevice(context.Device);

    // Rows as the discriminator sees them.
    private Tensor Seen(StepContext context, Tensor rows)
    {
        Tensor seen = rows;
        if (options.Augmentation != GanAugmentations.None)
        {
            Tensor? probability = options.AdaptiveAugmentation ? discriminator.AugmentationProbability : null;
            seen = GanAugmentation.Apply(options.Augmentation, seen, probability, context);
        }

        double noise = options.InstanceNoise * ScheduleShapes.LinearDecay((context.Step - 1.0) / context.TotalSteps);
        if (noise == 0)
            return seen;
        long[] shape = rows.shape;
        Tensor normal = context.Draw(shape[0], count => randn([count, .. shape[1..]], generator: context.Generator));
        return seen.Plus(normal.OnDevice(context.Device), noise);
    }

    private void ObserveOverfitting(Tensor realScores, int rows, List<(string, Tensor)> terms)
    {
        using IDisposable noGradient = no_grad();
        // Least squares has its middle between the targets 0 and 1.
        double middle = options.Objective == GanObjective.LeastSquares ? 0.5 : 0;
        Tensor signs = realScores.detach().Plus(-middle).sign();
        terms.Add(("r_t", signs.mean()));
        terms.Add(("augmentation", discriminator.AugmentationProbability.clone()));
        _signs.Add((signs.sum().DetachFromDisposeScope(), rows));
    }

    // Karras et al. 2020, section 3.1: p goes up or down by a fixed amount, by the sign of r_t − target.
    private void AdaptAugmentation()
    {
        using DisposeScope scope = NewDisposeScope();
        double rows = _signs.Sum(s => s.Rows);
        Tensor sum = _signs.Count == 0
            ? zeros_like(discriminator.AugmentationProbability).sum()
            : stack(_signs.Select(s => s.Sum)).sum();
        if (group is not null)
        {
            double[] ofAll = group.Sum("the signs of adaptive augmentation", sum.ToDouble(), rows);
            (sum, rows) = (zeros_like(sum).Plus(ofAll[0]), ofAll[1]);
        }

        Tensor direction = sum.Over(rows).Plus(-options.AugmentationTarget).sign();
        discriminator.AugmentationProbability
            .PlusInPlace(direction, rows / options.AugmentationRows).WithinInPlace(0, 1);
        foreach ((Tensor ofBatch, _) in _signs)
            ofBatch.Dispose();
        _signs.Clear();
    }
}

/// <summary>Batches of nothing but a number of rows, which the generator generates itself.</summary>
internal sealed class GeneratedBatches(int batchSize) : IBatchSource
{
    public long BatchesPerEpoch => long.MaxValue;

    public string Fingerprint => "";

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
    }

    public TensorBatch Next() => new(batchSize);
}
