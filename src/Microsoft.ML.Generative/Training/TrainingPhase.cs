using Microsoft.ML.Generative.Data.Batches;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// One network's part of a training step: which parameters it updates, from which batches, and how a batch becomes losses.
/// A VAE has one phase; a GAN has one for the discriminator and one for the generator. While a phase runs, the other networks of the loop
/// get no gradients.
/// </summary>
/// <param name="Network">The network whose parameters the phase updates.</param>
/// <param name="Batches">Where the phase's batches come from; two phases may share a source.</param>
/// <param name="Losses">
/// Computes the losses of one batch; the loop calls <c>backward</c>. What it makes lives until then, unless it is detached from its scope.
/// </param>
internal sealed record TrainingPhase(TrainedNetwork Network, IBatchSource Batches, Func<StepContext, TensorBatch, Losses> Losses)
{
    /// <summary>How often the phase runs in one step (a Wasserstein critic takes several).</summary>
    public int Repeats { get; init; } = 1;

    /// <summary>
    /// The phase runs in every n-th step only, n at least 1 (lazy regularization; Karras et al. 2019, appendix B). The first phase of a
    /// loop runs in every step.
    /// </summary>
    public int Interval { get; init; } = 1;

    /// <summary>What <see cref="TensorBatch.Samples"/> counts.</summary>
    public string Unit { get; init; } = "rows";

    /// <summary>Whether validation batches are scored with the phase's losses, too; the first phase's always are.</summary>
    public bool Validates { get; init; }

    /// <summary>The phase's learning rate as a multiple of the one of the options: two networks may learn on two time-scales.</summary>
    public double LearningRateFactor { get; init; } = 1;

    /// <summary>Whether the norm of the gradient is among the reported terms, as "gradient of" the network's name.</summary>
    public bool ReportsGradientNorm { get; init; }

    /// <summary>
    /// Called with all batches of a step before the losses of the first, without gradients; for state that the losses need and that
    /// depends on all rows. Of several processes, each calls it with the batches that it has itself.
    /// </summary>
    public Action<StepContext, IReadOnlyList<StepBatch>>? BeforeLosses { get; init; }

    /// <summary>
    /// Called after each update of the weights, without gradients; keeps weights in bounds, or moves what else follows the rows. Losses
    /// must not move it: they are computed once for each batch, and several batches may make one step.
    /// </summary>
    public Action? AfterUpdate { get; init; }
}

/// <summary>What a phase may need to know of the step.</summary>
/// <param name="Step">The optimizer step, from 1.</param>
/// <param name="TotalSteps">The steps that the training will take.</param>
/// <param name="IsTraining">False while validation data is scored.</param>
/// <param name="Generator">The training's own source of noise, on the CPU.</param>
/// <param name="Device">The training device.</param>
internal readonly record struct StepContext(long Step, long TotalSteps, bool IsTraining, torch.Generator Generator, torch.Device Device)
{
    /// <summary>The noise of all rows, where several batches make the step.</summary>
    public StepDraws? Draws { get; init; }

    /// <summary>Whether the losses are computed for the noise that they take alone, and nothing learns from them.</summary>
    public bool IsDiscarded { get; init; }

    /// <summary>The place of the batch's first row among the rows of the step.</summary>
    public long FirstRow => Draws?.FirstRow ?? 0;

    /// <summary>
    /// Noise for the rows of a batch. Where several batches make the step, it is sampled for the rows of all at once: they are as if in one
    /// batch.
    /// </summary>
    /// <param name="rows">The rows of the batch.</param>
    /// <param name="draw">Draws for a number of rows, from <see cref="Generator"/>.</param>
    /// <param name="dimension">The dimension of the rows.</param>
    public torch.Tensor Draw(long rows, Func<long, torch.Tensor> draw, int dimension = 0) =>
        Draws?.Take(rows, draw, dimension) ?? draw(rows);

    /// <summary>The part of the step's rows that a batch has.</summary>
    public double Share(int batchRows) => Draws?.Share(batchRows) ?? 1;
}

/// <summary>
/// The losses of one batch: the scalar to minimize, a mean over as many values as <see cref="TensorBatch.Weight"/> says, and its parts for
/// the report. A part that is no number says nothing of the batch, and is left out.
/// </summary>
internal readonly record struct Losses(torch.Tensor Total, params (string Name, torch.Tensor Value)[] Terms);
