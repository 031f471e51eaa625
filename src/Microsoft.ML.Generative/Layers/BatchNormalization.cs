using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Batch normalization (Ioffe, Szegedy 2015) of [batch, channels, ..], with PyTorch's names and initial values: by the batch's mean and
/// variance while it learns, else by moving averages of them. Other than PyTorch's these begin as plain means, so that a short training
/// does not end with initial values. With a condition, gains and biases follow from it (de Vries et al. 2017; from an embedding of the
/// class: Brock et al. 2018, appendix B).
/// </summary>
internal sealed class BatchNormalization : nn.Module<Tensor, Tensor>, IFormerNames
{
    /// <summary>Added to the variance.</summary>
    public const double Epsilon = 1e-5;

    private const int BatchesInAverage = 10;
    private const double ConditionDeviation = 0.02;

    private static readonly Dictionary<string, string> _formerNames = new() { ["batches_seen"] = nameof(num_batches_tracked) };

    private readonly Parameter? weight;
    private readonly Parameter? bias;
    private readonly Linear? gains;
    private readonly Linear? biases;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;
    private readonly Tensor num_batches_tracked;

    private bool _isAverageFull;
    private bool _isRenewed;

    /// <param name="channels">The channels.</param>
    /// <param name="conditionSize">Values of a row's condition; 0: there is none.</param>
    /// <param name="gainDeviation">Standard deviation of the initial gains round 1 (Radford et al. 2015 have 0.02).</param>
    public BatchNormalization(long channels, int conditionSize = 0, double gainDeviation = 0)
        : base(nameof(BatchNormalization))
    {
        if (conditionSize > 0)
        {
            (gains, biases) = (Following(), Following());
        }
        else
        {
            weight = nn.Parameter(
                gainDeviation > 0 ? nn.init.normal_(ModuleTensors.Empty(channels), 1, gainDeviation) : ModuleTensors.Ones(channels));
            bias = nn.Parameter(ModuleTensors.Zeros(channels));
        }

        running_mean = ModuleTensors.Zeros(channels);
        running_var = ModuleTensors.Ones(channels);
        num_batches_tracked = ModuleTensors.Zeros(1);
        RegisterComponents();

        Linear Following()
        {
            var layer = new Linear(conditionSize, channels, hasBias: false);
            nn.init.normal_(layer.Weight.Dense(), 0, ConditionDeviation);
            return layer;
        }
    }

    public IReadOnlyDictionary<string, string> FormerNames => _formerNames;

    /// <summary>
    /// Computes the averages of a network's layers again, as plain means over what passes through it. Those of a training belong to the
    /// weights as they were, not to their moving average.
    /// </summary>
    /// <param name="network">Its state of learning is afterwards as before.</param>
    /// <param name="passes">How many times something passes through.</param>
    /// <param name="pass">Lets something pass through.</param>
    public static void Renew(nn.Module network, int passes, Action pass)
    {
        BatchNormalization[] layers = [.. network.modules().OfType<BatchNormalization>()];
        if (layers.Length == 0)
            return;
        using IDisposable noGradient = no_grad();
        bool learned = network.training;
        network.train();
        foreach (BatchNormalization layer in layers)
        {
            layer.num_batches_tracked.zero_();
            (layer._isRenewed, layer._isAverageFull) = (true, false);
        }

        for (int i = 0; i < passes; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            pass();
        }

        foreach (BatchNormalization layer in layers)
            layer._isRenewed = layer._isAverageFull = false;
        network.train(learned);
    }

    public override Tensor forward(Tensor input) => Forward(input, null);

    /// <param name="input">[batch, channels, ..].</param>
    /// <param name="condition">[batch, condition size], for a layer with one.</param>
    /// <param name="slope">
    /// The slope below 0 of a leaky ReLU that follows, 0 for ReLU. Default: none follows.
    /// </param>
    public Tensor Forward(Tensor input, Tensor? condition, double? slope = null)
    {
        if (training && BatchStatistics.Current is { } all)
        {
            double count = all.Sum((double)(input.numel() / input.size(1)));
            if (count > 1)
                return OfAll(input, condition, slope, all, count);
        }

        // A single value a channel has no variance.
        bool learns = training && input.numel() > input.size(1) && BatchStatistics.Current is null;
        double momentum = learns ? NextMomentum() : 0;
        if (learns && weight is not null && BatchNormalizedActivation.CanUse(input, weight))
        {
            var settings = new BatchNormalizedActivation.Settings(Epsilon, momentum, slope);
            return OutputShapes.Note(
                this, BatchNormalizedActivation.Apply(input, weight, bias!, running_mean, running_var, settings));
        }

        Tensor normal = OutputShapes.Note(
            this, F.batch_norm(input, running_mean, running_var, weight, bias, learns, momentum, Epsilon));
        return Activated(Conditioned(normal, condition), slope);
    }

    // With the statistics of a batch that several processes have.
    private Tensor OfAll(Tensor input, Tensor? condition, double? slope, BatchStatistics all, double count)
    {
        (Tensor normal, Tensor mean, Tensor variance) = all.Normalize(input.AsFloat32(), count, Epsilon);
        using (no_grad())
        {
            double momentum = NextMomentum();
            running_mean.TimesInPlace(1 - momentum).PlusInPlace(mean.detach(), momentum);
            running_var.TimesInPlace(1 - momentum).PlusInPlace(variance.detach(), momentum * count / (count - 1));
        }

        if (weight is not null)
        {
            long[] perChannel = [1, input.size(1), .. Enumerable.Repeat(1L, (int)input.dim() - 2)];
            normal = (normal * weight.view(perChannel)).Plus(bias!.view(perChannel));
        }

        return Activated(Conditioned(OutputShapes.Note(this, normal.to(input.dtype)), condition), slope);
    }

    private Tensor Conditioned(Tensor normal, Tensor? condition)
    {
        if (gains is null)
            return normal;
        // [batch, channels] → [batch, channels, 1, ..]
        long[] perRow = [normal.size(0), normal.size(1), .. Enumerable.Repeat(1L, (int)normal.dim() - 2)];
        Tensor gain = gains.call(condition!).Plus(1).view(perRow), shift = biases!.call(condition!).view(perRow);
        return (normal * gain.to(normal.dtype)).Plus(shift.to(normal.dtype));
    }

    private static Tensor Activated(Tensor x, double? slope) => slope is { } s ? BatchNormalizedActivation.Activate(x, s) : x;

    // What the next batch counts in the averages.
    private double NextMomentum()
    {
        if (_isAverageFull)
            return 1.0 / BatchesInAverage;
        using IDisposable noGradient = no_grad();
        float seen = num_batches_tracked.item<float>();
        if (seen >= BatchesInAverage && !_isRenewed)
        {
            _isAverageFull = true;
            return 1.0 / BatchesInAverage;
        }

        num_batches_tracked.PlusInPlace(1);
        return 1 / (seen + 1);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            weight?.Dispose();
            bias?.Dispose();
            running_mean.Dispose();
            running_var.Dispose();
            num_batches_tracked.Dispose();
        }

        base.Dispose(disposing);
    }
}
