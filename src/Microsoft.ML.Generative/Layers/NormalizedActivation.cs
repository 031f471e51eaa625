using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Group normalization with what is added before and SiLU after it, as one operation with gradients: on the CPU by
/// <see cref="GroupNormalizationKernel"/>, elsewhere by libtorch's operations.
/// </summary>
internal static class NormalizedActivation
{
    /// <param name="input">[batch, channels, ..].</param>
    /// <param name="added">What is added to each channel of the input, [batch, channels], or <see langword="null"/>.</param>
    /// <param name="gains">γ, [1, channels] or [batch, channels].</param>
    /// <param name="shifts">β, of the shape of γ.</param>
    /// <param name="settings">How it is computed.</param>
    public static Tensor Apply(Tensor input, Tensor? added, Tensor gains, Tensor shifts, Settings settings)
    {
        if (!CpuKernels.CanUse(input) || !CpuKernels.CanUse(gains) || input.dim() < 3 || input.numel() == 0
            || (added is not null && !CpuKernels.CanUse(added)))
            return ByOperations(input, added, gains, shifts, settings);
        if (!is_grad_enabled() || !Needs(input, added, gains, shifts).Any(needed => needed))
        {
            using IDisposable noGradient = no_grad();
            using DisposeScope scope = NewDisposeScope();
            return Forward(input, added, gains, shifts, settings, new Moments(input, settings)).MoveToOuterDisposeScope();
        }

        return added is null
            ? Normalization.Call(input, gains, shifts, settings)
            : Normalization.Call(input, gains, shifts, settings, added);
    }

    private static bool[] Needs(Tensor input, Tensor? added, Tensor gains, Tensor shifts) =>
        [input.requires_grad, gains.requires_grad, shifts.requires_grad, added?.requires_grad ?? false];

    private static Tensor ByOperations(Tensor input, Tensor? added, Tensor gains, Tensor shifts, Settings settings)
    {
        long[] perChannel = [-1, input.size(1), .. Enumerable.Repeat(1L, (int)input.dim() - 2)];
        Tensor x = added is null ? input : input.Plus(added.view(perChannel)); // [batch, channels, ..]
        Tensor y;
        // On a GPU, libtorch's kernel has one type for all.
        if (x.dtype != gains.dtype && x.device_type != DeviceType.CPU)
            (gains, shifts) = (gains.to(x.dtype), shifts.to(x.dtype));
        if (gains.size(0) == 1)
        {
            y = F.group_norm(x, settings.Groups, gains.view(-1), shifts.view(-1), settings.Epsilon);
        }
        else
        {
            Tensor normal = F.group_norm(x, settings.Groups, eps: settings.Epsilon);
            y = (normal * gains.view(perChannel)).Plus(shifts.view(perChannel));
        }

        return settings.HasSilu ? F.silu(y) : y;
    }

    private static unsafe Tensor Forward(
        Tensor input, Tensor? added, Tensor gains, Tensor shifts, Settings settings, Moments moments)
    {
        Tensor output = empty(input.shape);
        GroupNormalizationWork work = Work(input, added, gains, shifts, settings);
        work.Y = TensorMemory.Floats(output);
        fixed (float* means = moments.Means, rests = moments.Rests)
        {
            work.Means = means;
            work.Rests = rests;
            GroupNormalizationKernel.Forward(work);
        }

        return output;
    }

    private static unsafe GroupNormalizationWork Work(Tensor input, Tensor? added, Tensor gains, Tensor shifts, Settings settings) => new()
    {
        X = TensorMemory.Floats(input),
        Added = added is null ? null : TensorMemory.Floats(added),
        Gains = TensorMemory.Floats(gains),
        Shifts = TensorMemory.Floats(shifts),
        Batch = (int)input.size(0),
        Channels = (int)input.size(1),
        Groups = settings.Groups,
        Pixels = checked((int)(input.numel() / (input.size(0) * input.size(1)))),
        HasParametersByImage = gains.size(0) > 1,
        HasSilu = settings.HasSilu,
        Epsilon = settings.Epsilon,
    };

    /// <param name="Groups">The groups of channels.</param>
    /// <param name="Epsilon">Added to the variance.</param>
    /// <param name="HasSilu">Whether SiLU follows.</param>
    public readonly record struct Settings(int Groups, double Epsilon, bool HasSilu);

    // What the way back needs of each group of each image: its mean and the inverse of its deviation.
    private readonly record struct Moments(float[] Means, float[] Rests)
    {
        public Moments(Tensor input, Settings settings)
            : this(new float[input.size(0) * settings.Groups], new float[input.size(0) * settings.Groups])
        {
        }
    }

    private sealed class Normalization : GradientFunction<Normalization>
    {
        private const string StateName = "state";

        public override string Name => nameof(NormalizedActivation);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (Tensor input, Tensor gains, Tensor shifts) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
            var settings = (Settings)vars[3];
            Tensor? added = vars.Length > 4 ? (Tensor)vars[4] : null;
            var moments = new Moments(input, settings);
            ctx.save_for_backward(added is null ? [input, gains, shifts] : [input, gains, shifts, added]);
            ctx.save_data(StateName, (settings, Needs(input, added, gains, shifts), moments));
            return Forward(input, added, gains, shifts, settings, moments);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Settings settings, bool[] needs, Moments moments) = ((Settings, bool[], Moments))ctx.get_data(StateName);
            Tensor? added = saved.Count > 3 ? saved[3] : null;
            Tensor?[] found = is_grad_enabled()
                ? Differentiable(saved[0], added, saved[1], saved[2], gradient, settings, needs)
                : Compute(saved[0], added, saved[1], saved[2], gradient, settings, moments);
            List<Tensor> gradients = [found[0]!, found[1]!, found[2]!, null!];
            if (added is not null)
                gradients.Add(found[3]!);
            return gradients;
        }

        private static unsafe Tensor?[] Compute(
            Tensor input, Tensor? added, Tensor gains, Tensor shifts, Tensor gradient, Settings settings, Moments moments)
        {
            long[] perImage = [input.size(0), input.size(1)];
            Tensor inputs = empty(input.shape), gainGradients = empty(perImage), shiftGradients = empty(perImage);
            Tensor? addedGradients = added is null ? null : empty(perImage);
            GroupNormalizationWork work = Work(input, added, gains, shifts, settings);
            work.YGradient = TensorMemory.Floats(gradient);
            work.XGradient = TensorMemory.Floats(inputs);
            work.GainGradients = TensorMemory.Floats(gainGradients);
            work.ShiftGradients = TensorMemory.Floats(shiftGradients);
            work.AddedGradients = addedGradients is null ? null : TensorMemory.Floats(addedGradients);
            fixed (float* means = moments.Means, rests = moments.Rests)
            {
                work.Means = means;
                work.Rests = rests;
                GroupNormalizationKernel.Backward(work);
            }

            return gains.size(0) > 1
                ? [inputs, gainGradients, shiftGradients, addedGradients]
                : [inputs, gainGradients.sum(0, keepdim: true), shiftGradients.sum(0, keepdim: true), addedGradients];
        }

        // For gradients of gradients: what libtorch can derive again.
        private static Tensor?[] Differentiable(
            Tensor input, Tensor? added, Tensor gains, Tensor shifts, Tensor gradient, Settings settings, bool[] needs)
        {
            Tensor?[] all = [input, gains, shifts, added];
            Tensor[] needed = [.. all.Zip(needs).Where(pair => pair.Second).Select(pair => pair.First!)];
            Tensor[] found = [.. autograd.grad(
                [ByOperations(input, added, gains, shifts, settings)], needed, [gradient], retain_graph: true, create_graph: true)];
            int next = 0;
            return [.. needs.Select(isNeeded => isNeeded ? found[next++] : null)];
        }
    }
}
