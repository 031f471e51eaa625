using System.Numerics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Group normalization (Wu, He 2018) with what is before and after it, in as few passes over memory as possible:
/// y = SiLU(γ · (x + a − mean) / deviation + β), where a, γ and β are numbers of a channel, and SiLU is not always there. A group is one
/// thread's work.
/// </summary>
internal static unsafe class GroupNormalizationKernel
{
    private static int Lanes => Vector<float>.Count;

    /// <summary>Computes y, and each group's mean and inverse deviation.</summary>
    public static void Forward(GroupNormalizationWork work) =>
        ThreadTeam.Run((long)work.Batch * work.Groups, work.GroupSize, &work, &Forward);

    /// <summary>Computes the gradients of x, and those of a, γ and β for each image and channel.</summary>
    public static void Backward(GroupNormalizationWork work) =>
        ThreadTeam.Run((long)work.Batch * work.Groups, work.GroupSize, &work, &Backward);

    // Here the elements are groups of an image.
    private static void Forward(void* state, long start, long end)
    {
        GroupNormalizationWork work = *(GroupNormalizationWork*)state;
        int channels = work.Channels / work.Groups, pixels = work.Pixels;
        for (long item = start; item < end; item++)
        {
            long first = item * channels;
            double sum = 0;
            for (long channel = first; channel < first + channels; channel++)
                sum += PlaneSums.Sum(X(work, channel), pixels) + (double)pixels * Added(work, channel);
            float mean = (float)(sum / work.GroupSize);

            double squares = 0;
            for (long channel = first; channel < first + channels; channel++)
                squares += PlaneSums.SquareSum(X(work, channel), pixels, Added(work, channel) - mean);
            float rest = (float)(1 / Math.Sqrt(squares / work.GroupSize + work.Epsilon));
            (work.Means[item], work.Rests[item]) = (mean, rest);

            for (long channel = first; channel < first + channels; channel++)
            {
                long parameter = Parameter(work, channel);
                float scale = rest * work.Gains[parameter];
                float shift = work.Shifts[parameter] + (Added(work, channel) - mean) * scale;
                Apply(X(work, channel), work.Y + channel * pixels, pixels, scale, shift, work.HasSilu);
            }
        }
    }

    private static void Backward(void* state, long start, long end)
    {
        GroupNormalizationWork work = *(GroupNormalizationWork*)state;
        int channels = work.Channels / work.Groups, pixels = work.Pixels;
        for (long item = start; item < end; item++)
        {
            long first = item * channels;
            float mean = work.Means[item], rest = work.Rests[item];
            double sum = 0, product = 0;
            for (long channel = first; channel < first + channels; channel++)
            {
                long parameter = Parameter(work, channel);
                float gain = work.Gains[parameter];
                (float gains, float shifts) = Derive(
                    X(work, channel), work.YGradient + channel * pixels, XGradient(work, channel), pixels, rest,
                    (Added(work, channel) - mean) * rest, gain, work.Shifts[parameter], work.HasSilu);
                (work.GainGradients[channel], work.ShiftGradients[channel]) = (gains, shifts);
                sum += (double)gain * shifts;
                product += (double)gain * gains;
            }

            // What the mean and the deviation take away.
            float meanPart = (float)(sum / work.GroupSize), deviationPart = (float)(product / work.GroupSize);
            for (long channel = first; channel < first + channels; channel++)
            {
                float added = Center(
                    X(work, channel), XGradient(work, channel), pixels, rest, (Added(work, channel) - mean) * rest,
                    work.Gains[Parameter(work, channel)], meanPart, deviationPart);
                if (work.AddedGradients != null)
                    work.AddedGradients[channel] = added;
            }
        }
    }

    private static float* X(in GroupNormalizationWork work, long channel) => Plane(work, work.X, work.Beside, channel);

    private static float* XGradient(in GroupNormalizationWork work, long channel) =>
        Plane(work, work.XGradient, work.BesideGradient, channel);

    // Of an image's channel, which is in the first tensor or in the one beside it.
    private static float* Plane(in GroupNormalizationWork work, float* first, float* beside, long channel)
    {
        if (work.FirstChannels == work.Channels)
            return first + channel * work.Pixels;
        (long image, long inImage) = Math.DivRem(channel, work.Channels);
        long further = inImage - work.FirstChannels;
        return further < 0
            ? first + (image * work.FirstChannels + inImage) * work.Pixels
            : beside + (image * (work.Channels - work.FirstChannels) + further) * work.Pixels;
    }

    private static float Added(in GroupNormalizationWork work, long channel) => work.Added == null ? 0 : work.Added[channel];

    private static long Parameter(in GroupNormalizationWork work, long channel) =>
        work.HasParametersByImage ? channel : channel % work.Channels;

    private static void Apply(float* x, float* y, int count, float scale, float shift, bool hasSilu)
    {
        Vector<float> scales = new(scale), shifts = new(shift);
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector<float> z = Vector.FusedMultiplyAdd(Vector.Load(x + i), scales, shifts);
            (hasSilu ? VectorMath.Silu(z) : z).Store(y + i);
        }

        if (i == count)
            return;
        float* rest = stackalloc float[Lanes];
        Copy(x + i, rest, count - i);
        Vector<float> last = Vector.FusedMultiplyAdd(Vector.Load(rest), scales, shifts);
        (hasSilu ? VectorMath.Silu(last) : last).Store(rest);
        new Span<float>(rest, count - i).CopyTo(new Span<float>(y + i, count - i));
    }

    // The gradient before SiLU, and its sums with the normalized values and alone.
    private static (float Gains, float Shifts) Derive(
        float* x, float* gradient, float* derived, int count, float rest, float shift, float gain, float bias, bool hasSilu)
    {
        Vector<float> rests = new(rest), shifts = new(shift), gains = new(gain), biases = new(bias);
        Vector<float> sums = Vector<float>.Zero, products = Vector<float>.Zero;
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector<float> normal = Vector.FusedMultiplyAdd(Vector.Load(x + i), rests, shifts);
            Vector<float> d = BeforeSilu(Vector.Load(gradient + i), normal, gains, biases, hasSilu);
            d.Store(derived + i);
            sums += d;
            products += d * normal;
        }

        if (i < count)
        {
            float* values = stackalloc float[Lanes], gradients = stackalloc float[Lanes];
            Copy(x + i, values, count - i);
            Copy(gradient + i, gradients, count - i);
            Vector<float> normal = Vector.FusedMultiplyAdd(Vector.Load(values), rests, shifts);
            Vector<float> d = BeforeSilu(Vector.Load(gradients), normal, gains, biases, hasSilu);
            d.Store(gradients);
            new Span<float>(gradients, count - i).CopyTo(new Span<float>(derived + i, count - i));
            sums += d;
            products += d * normal;
        }

        return (Vector.Sum(products), Vector.Sum(sums));
    }

    private static Vector<float> BeforeSilu(
        Vector<float> gradient, Vector<float> normal, Vector<float> gains, Vector<float> biases, bool hasSilu)
    {
        if (!hasSilu)
            return gradient;
        Vector<float> z = Vector.FusedMultiplyAdd(normal, gains, biases);
        Vector<float> sigmoid = Vector<float>.One / (Vector<float>.One + VectorMath.Exp(-z));
        return gradient * sigmoid * Vector.FusedMultiplyAdd(z, Vector<float>.One - sigmoid, Vector<float>.One);
    }

    // The gradient of x, in place of that of the normalized values; returns its sum.
    private static float Center(
        float* x, float* gradient, int count, float rest, float shift, float gain, float meanPart, float deviationPart)
    {
        Vector<float> rests = new(rest), shifts = new(shift), gains = new(gain), means = new(meanPart), deviations = new(deviationPart);
        Vector<float> sums = Vector<float>.Zero;
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector<float> normal = Vector.FusedMultiplyAdd(Vector.Load(x + i), rests, shifts);
            Vector<float> d = (Vector.Load(gradient + i) * gains - means - normal * deviations) * rests;
            d.Store(gradient + i);
            sums += d;
        }

        float sum = Vector.Sum(sums);
        for (; i < count; i++)
        {
            gradient[i] = (gradient[i] * gain - meanPart - (x[i] * rest + shift) * deviationPart) * rest;
            sum += gradient[i];
        }

        return sum;
    }

    // The first values, and zeros.
    private static void Copy(float* from, float* to, int count)
    {
        new Span<float>(to, Lanes).Clear();
        new Span<float>(from, count).CopyTo(new Span<float>(to, count));
    }
}
