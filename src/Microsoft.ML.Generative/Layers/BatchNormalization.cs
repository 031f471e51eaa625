using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>
/// Batch normalisation (Ioffe, Szegedy 2015) of [batch, channels, ..], with PyTorch's names and initial values: by the batch's mean and variance while it
/// learns, else by moving averages of them. Other than PyTorch's these begin as plain means, so that a short training does not end with initial values.
/// </summary>
internal sealed class BatchNormalization : nn.Module<Tensor, Tensor>
{
    private const int BatchesInAverage = 10;
    private const double Epsilon = 1e-5;

    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;
    private readonly Tensor batches_seen;

    private bool _isAverageFull;

    public BatchNormalization(long channels)
        : base(nameof(BatchNormalization))
    {
        weight = nn.Parameter(ones(channels));
        bias = nn.Parameter(zeros(channels));
        running_mean = zeros(channels);
        running_var = ones(channels);
        batches_seen = zeros(1);
        RegisterComponents();
    }

    /// <summary>How many numbers such a layer has, its averages included.</summary>
    public static long CountParameters(long channels) => checked(4 * channels + 1);

    public override Tensor forward(Tensor input)
    {
        // A single value a channel has no variance.
        bool learns = training && input.numel() > input.size(1);
        return F.batch_norm(input, running_mean, running_var, weight, bias, learns, learns ? NextMomentum() : 0, Epsilon);
    }

    // What the next batch counts in the averages.
    private double NextMomentum()
    {
        if (_isAverageFull)
            return 1.0 / BatchesInAverage;
        using IDisposable noGradient = no_grad();
        batches_seen.PlusInPlace(1);
        float seen = batches_seen.item<float>();
        _isAverageFull = seen >= BatchesInAverage;
        return 1 / seen;
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
