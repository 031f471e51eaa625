using System.Globalization;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>
/// Observes adversarial training: reports its balance, and warns in the log of a discriminator that is too good, mode collapse and
/// divergence.
/// </summary>
internal sealed class GanHealth(IChannel channel, GanOptions options)
{
    /// <summary>The name of the term with the share of real rows that the discriminator classifies as real.</summary>
    public const string RealAccuracy = "accuracy on real";

    /// <summary>The name of the term with the share of generated rows that it classifies as generated.</summary>
    public const string GeneratedAccuracy = "accuracy on generated";

    /// <summary>
    /// The name of the term with the variance of generated rows, divided by that of real rows; with classes, the variance within classes.
    /// </summary>
    public const string Diversity = "diversity";

    private const double AverageDecay = 0.98;
    private const int FirstSteps = 200;
    private const int WarningsInTraining = 10;
    private const double HighestAccuracy = 0.99;
    private const double LowestDiversity = 0.1;
    private const double HighestScore = 1000;

    // The program would wait for a GPU at each of them.
    private const int StepsBetweenReads = 16;

    private readonly Dictionary<string, long> _warnedAt = [];
    private double _accuracy = 0.5;
    private double _diversity = 1;
    private double _score;

    /// <summary>Observes a batch.</summary>
    /// <param name="context">The step.</param>
    /// <param name="real">Real rows.</param>
    /// <param name="generated">As many generated rows.</param>
    /// <param name="labels">The classes of both, [batch], or <see langword="null"/>.</param>
    /// <param name="realScores">The discriminator's output for the real rows, [batch].</param>
    /// <param name="generatedScores">Its output for the generated rows, [batch].</param>
    /// <returns>The terms to report.</returns>
    public IEnumerable<(string, Tensor)> Observe(
        StepContext context, Tensor real, Tensor generated, Tensor? labels, Tensor realScores, Tensor generatedScores)
    {
        // Scores of Wasserstein's objectives have no zero: the middle between both means takes its place.
        Tensor bound = options.IsWasserstein ? realScores.mean().Plus(generatedScores.mean()).Times(0.5)
            : TensorFactory.Constant([], options.Objective == GanObjective.LeastSquares ? 0.5 : 0, ScalarType.Float32, context.Device);
        Tensor onReal = realScores.gt(bound).to(ScalarType.Float32).mean(),
            onGenerated = generatedScores.le(bound).to(ScalarType.Float32).mean();
        Tensor diversity = Variance(generated, labels) / Variance(real, labels).AtLeast(1e-12);
        int interval = context.Device.type == DeviceType.CPU ? 1 : StepsBetweenReads;
        if (context.Step % interval == 0)
        {
            double decay = Math.Pow(AverageDecay, interval * context.Share((int)real.size(0)));
            float[] read = TensorMemory.ToArray<float>(stack([onReal, onGenerated, diversity, realScores.abs().mean().AsFloat32()]));
            Average(ref _accuracy, Math.Min(read[0], read[1]), decay);
            Average(ref _diversity, read[2], decay);
            Average(ref _score, read[3], decay);
            if (context.Step >= FirstSteps)
                Warn(context);
        }

        return [(RealAccuracy, onReal), (GeneratedAccuracy, onGenerated), (Diversity, diversity)];
    }

    private void Warn(StepContext context)
    {
        // A critic has to be as good as possible.
        if (_accuracy > HighestAccuracy && !options.IsWasserstein)
        {
            Warn(
                context, "accuracy",
                $"the discriminator classifies {Percent(_accuracy)} of the rows correctly, so that the generator gets little gradient: " +
                $"set {nameof(GanOptions.R1Weight)}, {nameof(GanOptions.InstanceNoise)} or {nameof(GanOptions.Augmentation)}, or a lower "
                + $"{nameof(GanOptions.DiscriminatorLearningRate)}");
        }

        if (_diversity < LowestDiversity)
        {
            Warn(
                context, "collapse",
                $"the variance of the generated rows is {Percent(_diversity)} of that of real rows, which indicates mode collapse: " +
                $"set {nameof(GanOptions.MinibatchStandardDeviation)}, {nameof(GanOptions.R1Weight)} or more "
                + $"{nameof(GanOptions.DiscriminatorSteps)}, or another {nameof(GanOptions.Objective)}");
        }

        if (_score > HighestScore)
        {
            Warn(
                context, "divergence",
                $"the discriminator's outputs have grown to {_score.ToString("G3", CultureInfo.InvariantCulture)}, which indicates "
                + "divergence: " +
                $"set {nameof(GanOptions.DiscriminatorNormalization)} to {GanNormalization.Spectral}, {nameof(GanOptions.R1Weight)}, or a "
                + $"lower {nameof(GanOptions.LearningRate)}");
        }
    }

    private void Warn(StepContext context, string kind, string message)
    {
        long interval = Math.Max(FirstSteps, context.TotalSteps / WarningsInTraining);
        if (_warnedAt.TryGetValue(kind, out long last) && context.Step - last < interval)
            return;
        _warnedAt[kind] = context.Step;
        channel.Warning($"Step {context.Step}: {message}.");
    }

    private static Tensor Variance(Tensor rows, Tensor? labels)
    {
        Tensor values = rows.detach().flatten(1).AsFloat32();
        if (labels is null)
            return (values - values.mean([0], keepdim: true)).Squared().mean();
        Tensor isOfClass = labels.unsqueeze(1).eq(labels.unsqueeze(0)).to(ScalarType.Float32); // [batch, batch]
        Tensor rowsOfClass = isOfClass.sum(1);
        Tensor withinClasses = (values - mm(isOfClass, values) / rowsOfClass.unsqueeze(1)).Squared().mean();
        // Where no class occurs twice, rows of one class cannot be compared.
        return where(rowsOfClass.max().LessThan(2), Variance(rows, null), withinClasses);
    }

    private static void Average(ref double average, double value, double decay) => average = decay * average + (1 - decay) * value;

    private static string Percent(double part) => part.ToString("P0", CultureInfo.InvariantCulture);
}
