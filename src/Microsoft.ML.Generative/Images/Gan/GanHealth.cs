using System.Globalization;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>Watches the game, reports how it stands, and warns in the log when one side has won or the generator makes always the same.</summary>
internal sealed class GanHealth(IChannel channel, GanOptions options)
{
    /// <summary>How reports call the share of real rows that the discriminator takes for real.</summary>
    public const string RealAccuracy = "accuracy on real";

    /// <summary>How reports call the share of generated rows that it takes for generated.</summary>
    public const string GeneratedAccuracy = "accuracy on generated";

    /// <summary>How reports call the variance of generated rows, as a part of that of real ones; with classes, that within classes.</summary>
    public const string Diversity = "diversity";

    private const double Memory = 0.98;
    private const int FirstSteps = 200;
    private const int WarningsInTraining = 10;
    private const double WonAccuracy = 0.99;
    private const double CollapsedDiversity = 0.1;
    private const double DivergedScore = 1000;

    private readonly Dictionary<string, long> _warnedAt = [];
    private double _accuracy = 0.5;
    private double _diversity = 1;
    private double _score;

    /// <summary>Takes note of a batch.</summary>
    /// <param name="context">The step.</param>
    /// <param name="real">Real rows.</param>
    /// <param name="generated">As many generated ones.</param>
    /// <param name="labels">The classes of both, [batch], or <see langword="null"/>.</param>
    /// <param name="realScores">What the discriminator says of the real rows, [batch].</param>
    /// <param name="generatedScores">What it says of the generated ones.</param>
    /// <returns>What is reported of it.</returns>
    public IEnumerable<(string, Tensor)> Observe(StepContext context, Tensor real, Tensor generated, Tensor? labels, Tensor realScores, Tensor generatedScores)
    {
        // Wasserstein's scores have no zero: there it is the other side's mean that tells.
        Tensor bound = options.IsWasserstein ? realScores.mean().Plus(generatedScores.mean()).Times(0.5)
            : options.Objective == GanObjective.LeastSquares ? tensor(0.5f, device: context.Device) : tensor(0f, device: context.Device);
        Tensor onReal = realScores.gt(bound).to(ScalarType.Float32).mean(), onGenerated = generatedScores.le(bound).to(ScalarType.Float32).mean();
        Tensor diversity = Variance(generated, labels) / Variance(real, labels).AtLeast(1e-12);
        Follow(ref _accuracy, Math.Min(onReal.ToDouble(), onGenerated.ToDouble()));
        Follow(ref _diversity, diversity.ToDouble());
        Follow(ref _score, realScores.abs().mean().ToDouble());
        if (context.Step >= FirstSteps)
            Warn(context);
        return [(RealAccuracy, onReal), (GeneratedAccuracy, onGenerated), (Diversity, diversity)];
    }

    private void Warn(StepContext context)
    {
        // A critic is to be as good as it can be.
        if (_accuracy > WonAccuracy && !options.IsWasserstein)
        {
            Warn(context, "won", $"the discriminator tells {Percent(_accuracy)} of the rows apart, so that the generator has little to learn from: " +
                $"set {nameof(GanOptions.R1Weight)}, {nameof(GanOptions.InstanceNoise)} or {nameof(GanOptions.Augmentation)}, or a lower {nameof(GanOptions.DiscriminatorLearningRate)}");
        }

        if (_diversity < CollapsedDiversity)
        {
            Warn(context, "collapsed", $"the generated rows of a batch vary by {Percent(_diversity)} of what real ones do, so that the generator is likely to make few kinds of rows (mode collapse): " +
                $"set {nameof(GanOptions.MinibatchStandardDeviation)}, {nameof(GanOptions.R1Weight)} or more {nameof(GanOptions.DiscriminatorSteps)}, or another {nameof(GanOptions.Objective)}");
        }

        if (_score > DivergedScore)
        {
            Warn(context, "diverged", $"the discriminator's results have grown to {_score.ToString("G3", CultureInfo.InvariantCulture)}, so that the game is likely to diverge: " +
                $"set {nameof(GanOptions.DiscriminatorNormalization)} to {GanNormalization.Spectral}, {nameof(GanOptions.R1Weight)}, or a lower {nameof(GanOptions.LearningRate)}");
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
            return (values - values.mean([0], keepdim: true)).square().mean();
        Tensor isOfClass = nn.functional.one_hot(labels).to(ScalarType.Float32); // [batch, classes]
        Tensor rowsOfClass = isOfClass.sum([0]);
        // Where no class occurs twice, rows of one class cannot be compared.
        if (rowsOfClass.max().ToDouble() < 2)
            return Variance(rows, null);
        Tensor means = mm(isOfClass.t(), values) / rowsOfClass.AtLeast(1).unsqueeze(1); // [classes, values]
        return (values - mm(isOfClass, means)).square().mean();
    }

    private static void Follow(ref double average, double value) => average = Memory * average + (1 - Memory) * value;

    private static string Percent(double part) => part.ToString("P0", CultureInfo.InvariantCulture);
}
