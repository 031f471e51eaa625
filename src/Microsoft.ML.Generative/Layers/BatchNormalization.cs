using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>
/// Batch normalisation (Ioffe, Szegedy 2015) of [batch, channels, ..], with PyTorch's names and initial values: by the batch's mean and variance while it
/// learns, else by moving averages of them. Other than PyTorch's these begin as plain means, so that a short training does not end with initial values.
/// With classes, each has its own gains and biases (Dumoulin et al. 2016; de Vries et al. 2017).
/// </summary>
internal sealed class BatchNormalization : nn.Module<Tensor, Tensor>
{
    private const int BatchesInAverage = 10;
    private const double Epsilon = 1e-5;

    // [channels], or [classes, channels].
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;
    private readonly Tensor batches_seen;

    private readonly bool _hasClasses;
    private bool _isAverageFull;

    /// <param name="channels">The channels.</param>
    /// <param name="classCount">The classes; 0: none.</param>
    /// <param name="gainDeviation">Standard deviation of the initial gains round 1 (Radford et al. 2015 have 0.02).</param>
    public BatchNormalization(long channels, int classCount = 0, double gainDeviation = 0)
        : base(nameof(BatchNormalization))
    {
        _hasClasses = classCount > 0;
        long[] shape = _hasClasses ? [classCount, channels] : [channels];
        weight = nn.Parameter(gainDeviation > 0 ? nn.init.normal_(empty(shape), 1, gainDeviation) : ones(shape));
        bias = nn.Parameter(zeros(shape));
        running_mean = zeros(channels);
        running_var = ones(channels);
        batches_seen = zeros(1);
        RegisterComponents();
    }

    /// <summary>How many numbers such a layer has, its averages included.</summary>
    public static long CountParameters(long channels, int classCount = 0) => checked(2 * channels * Math.Max(1, classCount) + 2 * channels + 1);

    public override Tensor forward(Tensor input) => Forward(input, null);

    /// <param name="input">[batch, channels, ..].</param>
    /// <param name="labels">[batch], for a layer with classes.</param>
    public Tensor Forward(Tensor input, Tensor? labels)
    {
        // A single value a channel has no variance.
        bool learns = training && input.numel() > input.size(1);
        double momentum = learns ? NextMomentum() : 0;
        if (!_hasClasses)
            return F.batch_norm(input, running_mean, running_var, weight, bias, learns, momentum, Epsilon);

        Tensor normal = F.batch_norm(input, running_mean, running_var, null, null, learns, momentum, Epsilon);
        long[] perRow = [input.size(0), input.size(1), .. Enumerable.Repeat(1L, (int)input.dim() - 2)];
        Tensor gains = weight.index_select(0, labels!).view(perRow), shifts = bias.index_select(0, labels!).view(perRow);
        return (normal * MixedPrecision.Cast(gains)).Plus(MixedPrecision.Cast(shifts));
    }

    // What the next batch counts in the averages.
    private double NextMomentum()
    {
        if (!_isAverageFull)
        {
            using IDisposable noGradient = no_grad();
            float seen = batches_seen.item<float>();
            _isAverageFull = seen >= BatchesInAverage;
            if (!_isAverageFull)
            {
                batches_seen.PlusInPlace(1);
                return 1 / (seen + 1);
            }
        }

        return 1.0 / BatchesInAverage;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            weight.Dispose();
            bias.Dispose();
            running_mean.Dispose();
            running_var.Dispose();
            batches_seen.Dispose();
        }

        base.Dispose(disposing);
    }
}
