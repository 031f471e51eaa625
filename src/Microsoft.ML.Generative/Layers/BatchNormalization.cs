using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>
/// Batch normalisation (Ioffe, Szegedy 2015) of [batch, channels, ..], with PyTorch's names and initial values: by the batch's mean and variance while it
/// learns, else by moving averages of them.
/// </summary>
internal sealed class BatchNormalization : nn.Module<Tensor, Tensor>
{
    private const double Momentum = 0.1;
    private const double Epsilon = 1e-5;

    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;

    public BatchNormalization(long channels)
        : base(nameof(BatchNormalization))
    {
        weight = nn.Parameter(ones(channels));
        bias = nn.Parameter(zeros(channels));
        running_mean = zeros(channels);
        running_var = ones(channels);
        RegisterComponents();
    }

    /// <summary>How many numbers such a layer has, its averages included.</summary>
    public static long CountParameters(long channels) => checked(4 * channels);

    public override Tensor forward(Tensor input)
    {
        // A single value a channel has no variance.
        bool learns = training && input.numel() > input.size(1);
        return F.batch_norm(input, running_mean, running_var, weight, bias, learns, Momentum, Epsilon);
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
