using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>
/// Batch normalisation (Ioffe, Szegedy 2015) of [batch, channels, ..]: by the batch's own mean and variance in training, by their moving averages afterwards.
/// With classes, each has its own gains and biases (Dumoulin et al. 2016; de Vries et al. 2017).
/// </summary>
internal sealed class BatchNormalization : nn.Module
{
    private const double Momentum = 0.1;
    private const double Epsilon = 1e-5;

    // [channels], or [classes, channels].
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;

    private readonly bool _hasClasses;

    /// <param name="channels">The channels.</param>
    /// <param name="classCount">The classes; 0: none.</param>
    /// <param name="gainDeviation">Standard deviation of the initial gains round 1 (Radford et al. 2015 have 0.02).</param>
    public BatchNormalization(long channels, int classCount = 0, double gainDeviation = 0)
        : base(nameof(BatchNormalization))
    {
        _hasClasses = classCount > 0;
        long[] shape = _hasClasses ? [classCount, channels] : [channels];
        weight = nn.Parameter(nn.init.normal_(empty(shape), 1, gainDeviation));
        bias = nn.Parameter(zeros(shape));
        running_mean = zeros(channels);
        running_var = ones(channels);
        RegisterComponents();
    }

    /// <summary>Numbers that such a layer has, moving averages included.</summary>
    public static long CountNumbers(long channels, int classCount = 0) => checked(2 * channels * Math.Max(1, classCount) + 2 * channels);

    /// <param name="input">[batch, channels, ..].</param>
    /// <param name="labels">[batch], for a layer with classes.</param>
    public Tensor Forward(Tensor input, Tensor? labels)
    {
        if (!_hasClasses)
            return F.batch_norm(input, running_mean, running_var, weight, bias, training, Momentum, Epsilon);

        Tensor normal = F.batch_norm(input, running_mean, running_var, null, null, training, Momentum, Epsilon);
        long[] perRow = [input.size(0), input.size(1), .. Enumerable.Repeat(1L, (int)input.dim() - 2)];
        Tensor gains = weight.index_select(0, labels!).view(perRow), shifts = bias.index_select(0, labels!).view(perRow);
        return (normal * MixedPrecision.Cast(gains)).Plus(MixedPrecision.Cast(shifts));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            weight.Dispose();
            bias.Dispose();
            running_mean.Dispose();
            running_var.Dispose();
        }

        base.Dispose(disposing);
    }
}
