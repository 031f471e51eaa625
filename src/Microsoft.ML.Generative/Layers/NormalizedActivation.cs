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
    /// <param name="inputs">What is normalized, and how.</param>
    /// <param name="settings">How it is computed.</param>
    public static Tensor Apply(Inputs inputs, Settings settings)
    {
        if (!CanUse(inputs.First) || !CpuKernels.CanUse(inputs.Gains)
            || (inputs.Beside is not null && !CanUse(inputs.Beside)) || (inputs.Added is not null && !CpuKernels.CanUse(inputs.Added)))
            return ByOperations(inputs, settings);
        if (!is_grad_enabled() || !inputs.Needs.Any(needed => needed))
        {
            using IDisposable noGradient = no_grad();
            using DisposeScope scope = NewDisposeScope();
            return Forward(inputs, settings, new Moments(inputs, settings)).MoveToOuterDisposeScope();
        }

        return Normalization.Call([settings, inputs.Form, .. inputs.All]);
    }

    private static bool CanUse(Tensor input) => CpuKernels.CanUse(input) && input.dim() >= 3 && input.numel() > 0;

    private static Tensor ByOperations(Inputs inputs, Settings settings)
    {
        (Tensor x, Tensor gains, Tensor shifts) = (inputs.First, inputs.Gains, inputs.Shifts);
        if (inputs.Beside is not null)
            x = cat([x, inputs.Beside], 1);
        long[] perChannel = [-1, x.size(1), .. Enumerable.Repeat(1L, (int)x.dim() - 2)];
        if (inputs.Added is not null)
            x = x.Plus(inputs.Added.view(perChannel)); // [batch, channels, ..]
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

    private static unsafe Tensor Forward(Inputs inputs, Settings settings, Moments moments)
    {
        long[] shape = inputs.First.shape;
        shape[1] = inputs.Channels;
        Tensor output = empty(shape);
        GroupNormalizationWork work = Work(inputs, settings);
        work.Y = TensorMemory.Floats(output);
        fixed (float* means = moments.Means, rests = moments.Rests)
        {
            work.Means = means;
            work.Rests = rests;
            GroupNormalizationKernel.Forward(work);
        }

        return output;
    }

    private static unsafe GroupNormalizationWork Work(Inputs inputs, Settings settings) => new()
    {
        X = TensorMemory.Floats(inputs.First),
        Beside = TensorMemory.Floats(inputs.Beside),
        Added = TensorMemory.Floats(inputs.Added),
        Gains = TensorMemory.Floats(inputs.Gains),
        Shifts = TensorMemory.Floats(inputs.Shifts),
        Batch = (int)inputs.First.size(0),
        Channels = (int)inputs.Channels,
        FirstChannels = (int)inputs.First.size(1),
        Groups = settings.Groups,
        Pixels = checked((int)(inputs.First.numel() / (inputs.First.size(0) * inputs.First.size(1)))),
        HasParametersByImage = inputs.Gains.size(0) > 1,
        HasSilu = settings.HasSilu,
        Epsilon = settings.Epsilon,
    };

    /// <param name="First">[batch, channels, ..].</param>
    /// <param name="Gains">γ, [1, channels] or [batch, channels].</param>
    /// <param name="Shifts">β, of the shape of γ.</param>
    /// <param name="Beside">Further channels, which follow the first ones, or <see langword="null"/>.</param>
    /// <param name="Added">What is added to each channel of the input, [batch, channels], or <see langword="null"/>.</param>
    public readonly record struct Inputs(Tensor First, Tensor Gains, Tensor Shifts, Tensor? Beside = null, Tensor? Added = null)
    {
        /// <summary>All tensors that there are.</summary>
        public Tensor[] All => [First, Gains, Shifts, .. ((Tensor?[])[Beside, Added]).OfType<Tensor>()];

        /// <summary>Which of <see cref="All"/> have gradients.</summary>
        public bool[] Needs => [.. All.Select(tensor => tensor.requires_grad)];

        /// <summary>Which of the optional tensors there are.</summary>
        public (bool HasBeside, bool HasAdded) Form => (Beside is not null, Added is not null);

        public long Channels => First.size(1) + (Beside?.size(1) ?? 0);

        /// <summary>The inputs, of <see cref="All"/> and <see cref="Form"/>.</summary>
        public static Inputs Of(IReadOnlyList<Tensor> all, (bool HasBeside, bool HasAdded) form) => new(
            all[0], all[1], all[2], form.HasBeside ? all[3] : null, form.HasAdded ? all[^1] : null);
    }

    /// <param name="Groups">The groups of channels.</param>
    /// <param name="Epsilon">Added to the variance.</param>
    /// <param name="HasSilu">Whether SiLU follows.</param>
    public readonly record struct Settings(int Groups, double Epsilon, bool HasSilu);

    // What the way back needs of each group of each image: its mean and the inverse of its deviation.
    private readonly record struct Moments(float[] Means, float[] Rests)
    {
        public Moments(Inputs inputs, Settings settings)
            : this(new float[inputs.First.size(0) * settings.Groups], new float[inputs.First.size(0) * settings.Groups])
        {
        }
    }

    private sealed class Normalization : GradientFunction<Normalization>
    {
        private const string StateName = "state";

        public override string Name => nameof(NormalizedActivation);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (var settings, var form) = ((Settings)vars[0], ((bool, bool))vars[1]);
            List<Tensor> all = [.. vars.OfType<Tensor>()];
            Inputs inputs = Inputs.Of(all, form);
            var moments = new Moments(inputs, settings);
            ctx.save_for_backward(all);
            ctx.save_data(StateName, (settings, form, inputs.Needs, moments));
            return Forward(inputs, settings, moments);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Settings settings, (bool, bool) form, bool[] needs, Moments moments) =
                ((Settings, (bool, bool), bool[], Moments))ctx.get_data(StateName);
            Inputs inputs = Inputs.Of(saved, form);
            Tensor?[] found = is_grad_enabled()
                ? DeriveAgain(ByOperations(inputs, settings), inputs.All, needs, gradient)
                : Compute(inputs, gradient, settings, moments);
            return [null!, null!, .. found.Select(tensor => tensor!)];
        }

        private static unsafe Tensor?[] Compute(Inputs inputs, Tensor gradient, Settings settings, Moments moments)
        {
            long[] perImage = [inputs.First.size(0), inputs.Channels];
            Tensor first = empty(inputs.First.shape), gains = empty(perImage), shifts = empty(perImage);
            Tensor? beside = inputs.Beside is null ? null : empty(inputs.Beside.shape);
            Tensor? added = inputs.Added is null ? null : empty(perImage);
            GroupNormalizationWork work = Work(inputs, settings);
            work.YGradient = TensorMemory.Floats(gradient);
            work.XGradient = TensorMemory.Floats(first);
            work.BesideGradient = TensorMemory.Floats(beside);
            work.GainGradients = TensorMemory.Floats(gains);
            work.ShiftGradients = TensorMemory.Floats(shifts);
            work.AddedGradients = TensorMemory.Floats(added);
            fixed (float* means = moments.Means, rests = moments.Rests)
            {
                work.Means = means;
                work.Rests = rests;
                GroupNormalizationKernel.Backward(work);
            }

            if (inputs.Gains.size(0) == 1)
                (gains, shifts) = (gains.sum(0, keepdim: true), shifts.sum(0, keepdim: true));
            return new Inputs(first, gains, shifts, beside, added).All;
        }
    }
}
