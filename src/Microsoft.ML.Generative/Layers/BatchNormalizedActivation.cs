using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Batch normalization by the batch's statistics and what follows it, as one operation with gradients: by
/// <see cref="BatchNormalizationKernel"/>.
/// </summary>
internal static class BatchNormalizedActivation
{
    /// <summary>Whether the kernel can be used: on the CPU, in Float32.</summary>
    public static bool CanUse(Tensor input, Tensor gains) =>
        CpuKernels.CanUse(input) && CpuKernels.CanUse(gains) && input.dim() >= 2 && input.numel() > input.size(1);

    /// <param name="input">[batch, channels, ..].</param>
    /// <param name="gains">γ, [channels].</param>
    /// <param name="shifts">β, [channels].</param>
    /// <param name="means">The moving average of the means, [channels], which is moved.</param>
    /// <param name="variances">That of the variances without bias.</param>
    /// <param name="settings">How it is computed.</param>
    public static Tensor Apply(Tensor input, Tensor gains, Tensor shifts, Tensor means, Tensor variances, Settings settings)
    {
        if (is_grad_enabled() && (input.requires_grad || gains.requires_grad || shifts.requires_grad))
            return Normalization.Call(input, gains, shifts, means, variances, settings);
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return Forward(input, gains, shifts, means, variances, settings, new Moments(input)).MoveToOuterDisposeScope();
    }

    /// <summary>A leaky ReLU, or ReLU where the slope is 0.</summary>
    public static Tensor Activate(Tensor x, double slope) => slope == 0 ? F.relu(x) : x.LeakyRelu(slope);

    private static unsafe Tensor Forward(
        Tensor input, Tensor gains, Tensor shifts, Tensor means, Tensor variances, Settings settings, Moments moments)
    {
        Tensor output = empty(input.shape);
        BatchNormalizationWork work = Work(input, gains, shifts, settings);
        work.Y = TensorMemory.Floats(output);
        work.RunningMeans = TensorMemory.Floats(means);
        work.RunningVariances = TensorMemory.Floats(variances);
        fixed (float* starts = moments.Means, rests = moments.Rests)
        {
            work.Means = starts;
            work.Rests = rests;
            BatchNormalizationKernel.Forward(work);
        }

        return output;
    }

    private static unsafe BatchNormalizationWork Work(Tensor input, Tensor gains, Tensor shifts, Settings settings) => new()
    {
        X = TensorMemory.Floats(input),
        Gains = TensorMemory.Floats(gains),
        Shifts = TensorMemory.Floats(shifts),
        Batch = checked((int)input.size(0)),
        Channels = checked((int)input.size(1)),
        Pixels = checked((int)(input.numel() / (input.size(0) * input.size(1)))),
        Slope = (float)(settings.Slope ?? 1),
        Momentum = settings.Momentum,
        Epsilon = settings.Epsilon,
    };

    /// <param name="Epsilon">Added to the variance.</param>
    /// <param name="Momentum">What the batch counts in the moving averages.</param>
    /// <param name="Slope">The slope below 0 of the activation that follows; <see langword="null"/>: none follows.</param>
    public readonly record struct Settings(double Epsilon, double Momentum, double? Slope);

    // What the way back needs of each channel: its mean and the inverse of its deviation.
    private readonly record struct Moments(float[] Means, float[] Rests)
    {
        public Moments(Tensor input)
            : this(new float[input.size(1)], new float[input.size(1)])
        {
        }
    }

    private sealed class Normalization : GradientFunction<Normalization>
    {
        private const string StateName = "state";

        public override string Name => nameof(BatchNormalizedActivation);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (Tensor input, Tensor gains, Tensor shifts) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
            var settings = (Settings)vars[5];
            var moments = new Moments(input);
            ctx.save_for_backward([input, gains, shifts]);
            ctx.save_data(StateName, (settings, moments, (bool[])[input.requires_grad, gains.requires_grad, shifts.requires_grad]));
            return Forward(input, gains, shifts, (Tensor)vars[3], (Tensor)vars[4], settings, moments);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Settings settings, Moments moments, bool[] needs) = ((Settings, Moments, bool[]))ctx.get_data(StateName);
            Tensor?[] found = is_grad_enabled()
                ? Differentiable(saved, gradient, settings, needs)
                : Compute(saved[0], saved[1], saved[2], gradient, settings, moments);
            return [.. found.Select((tensor, i) => needs[i] ? tensor! : null!), null!, null!, null!];
        }

        private static unsafe Tensor[] Compute(
            Tensor input, Tensor gains, Tensor shifts, Tensor gradient, Settings settings, Moments moments)
        {
            Tensor inputs = empty(input.shape), gainGradients = empty(gains.shape), shiftGradients = empty(shifts.shape);
            BatchNormalizationWork work = Work(input, gains, shifts, settings);
            work.YGradient = TensorMemory.Floats(gradient);
            work.XGradient = TensorMemory.Floats(inputs);
            work.GainGradients = TensorMemory.Floats(gainGradients);
            work.ShiftGradients = TensorMemory.Floats(shiftGradients);
            fixed (float* means = moments.Means, rests = moments.Rests)
            {
                work.Means = means;
                work.Rests = rests;
                BatchNormalizationKernel.Backward(work);
            }

            return [inputs, gainGradients, shiftGradients];
        }

        // For gradients of gradients: what libtorch can derive again.
        private static Tensor?[] Differentiable(List<Tensor> saved, Tensor gradient, Settings settings, bool[] needs)
        {
            (Tensor input, Tensor gains, Tensor shifts) = (saved[0], saved[1], saved[2]);
            long[] others = [0, .. Enumerable.Range(2, (int)input.dim() - 2).Select(dimension => (long)dimension)];
            long[] perChannel = [1, input.size(1), .. Enumerable.Repeat(1L, (int)input.dim() - 2)];
            Tensor centered = input - input.mean(others, keepdim: true);
            Tensor normal = centered * centered.Squared().mean(others, keepdim: true).Plus(settings.Epsilon).rsqrt();
            Tensor y = (normal * gains.view(perChannel)).Plus(shifts.view(perChannel));
            if (settings.Slope is { } slope)
                y = Activate(y, slope);
            return DeriveAgain(y, saved, needs, gradient);
        }
    }
}
