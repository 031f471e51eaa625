using System.Numerics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Batch normalization (Ioffe, Szegedy 2015) by the batch's statistics with the activation after it:
/// y = LeakyReLU(γ · (x − mean) / deviation + β). A channel is one thread's work, and is read from memory once, where it fits the cache.
/// </summary>
internal static unsafe class BatchNormalizationKernel
{
    private static int Lanes => Vector<float>.Count;

    /// <summary>Computes y, each channel's mean and inverse deviation, and moves the averages.</summary>
    public static void Forward(BatchNormalizationWork work) =>
        ThreadTeam.Run(work.Channels, (int)Math.Min(work.Count, int.MaxValue), &work, &Forward);

    /// <summary>Computes the gradients of x, γ and β.</summary>
    public static void Backward(BatchNormalizationWork work) =>
        ThreadTeam.Run(work.Channels, (int)Math.Min(work.Count, int.MaxValue), &work, &Backward);

    // Here the elements are channels.
    private static void Forward(void* state, long start, long end)
    {
        BatchNormalizationWork work = *(BatchNormalizationWork*)state;
        nint image = (nint)work.Channels * work.Pixels;
        for (long channel = start; channel < end; channel++)
        {
            float* x = work.X + channel * work.Pixels, y = work.Y + channel * work.Pixels;
            double sum = 0, squares = 0;
            for (int i = 0; i < work.Batch; i++)
                sum += PlaneSums.Sum(x + i * image, work.Pixels);
            float mean = (float)(sum / work.Count);
            for (int i = 0; i < work.Batch; i++)
                squares += PlaneSums.SquareSum(x + i * image, work.Pixels, -mean);
            float rest = (float)(1 / Math.Sqrt(squares / work.Count + work.Epsilon));
            (work.Means[channel], work.Rests[channel]) = (mean, rest);
            Move(ref work.RunningMeans[channel], mean, work.Momentum);
            Move(ref work.RunningVariances[channel], squares / (work.Count - 1), work.Momentum);

            float scale = rest * work.Gains[channel], shift = work.Shifts[channel] - mean * scale;
            for (int i = 0; i < work.Batch; i++)
                Apply(x + i * image, y + i * image, work.Pixels, scale, shift, work.Slope);
        }
    }

    // Here the elements are channels.
    private static void Backward(void* state, long start, long end)
    {
        BatchNormalizationWork work = *(BatchNormalizationWork*)state;
        nint image = (nint)work.Channels * work.Pixels;
        for (long channel = start; channel < end; channel++)
        {
            nint first = (nint)channel * work.Pixels;
            float mean = work.Means[channel], rest = work.Rests[channel], gain = work.Gains[channel];
            float scale = rest * gain, shift = work.Shifts[channel] - mean * scale;
            double sum = 0, product = 0;
            for (int i = 0; i < work.Batch; i++)
            {
                nint at = first + i * image;
                (float ofImage, float withX) = Sums(work.X + at, work.YGradient + at, work.Pixels, mean, scale, shift, work.Slope);
                sum += ofImage;
                product += withX;
            }

            product *= rest;
            (work.GainGradients[channel], work.ShiftGradients[channel]) = ((float)product, (float)sum);
            // What the mean and the deviation take away: dx = γ / deviation · (d − Σd / n − normal · Σ(d · normal) / n).
            float byX = (float)(-scale * rest * product / work.Count), constant = (float)(-scale * sum / work.Count) - byX * mean;
            for (int i = 0; i < work.Batch; i++)
            {
                nint at = first + i * image;
                Center(
                    work.X + at, work.YGradient + at, work.XGradient + at, work.Pixels, scale, shift, work.Slope, byX, constant);
            }
        }
    }

    private static void Move(ref float average, double value, double momentum) =>
        average = (float)(momentum * value + (1 - momentum) * average);

    private static void Apply(float* x, float* y, int count, float scale, float shift, float slope)
    {
        Vector<float> scales = new(scale), shifts = new(shift), slopes = new(slope);
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector<float> z = Vector.FusedMultiplyAdd(Vector.Load(x + i), scales, shifts);
            Activate(z, z, slopes).Store(y + i);
        }

        for (; i < count; i++)
        {
            float z = MathF.FusedMultiplyAdd(x[i], scale, shift);
            y[i] = z > 0 ? z : z * slope;
        }
    }

    // The sums of the gradient before the activation, alone and with the centered values.
    private static (float Sum, float Product) Sums(float* x, float* gradient, int count, float mean, float scale, float shift, float slope)
    {
        Vector<float> means = new(mean), scales = new(scale), shifts = new(shift), slopes = new(slope);
        Vector<float> sums = Vector<float>.Zero, products = Vector<float>.Zero;
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector<float> value = Vector.Load(x + i);
            Vector<float> d = Activate(Vector.FusedMultiplyAdd(value, scales, shifts), Vector.Load(gradient + i), slopes);
            sums += d;
            products += d * (value - means);
        }

        (float sum, float product) = (Vector.Sum(sums), Vector.Sum(products));
        for (; i < count; i++)
        {
            float d = MathF.FusedMultiplyAdd(x[i], scale, shift) > 0 ? gradient[i] : gradient[i] * slope;
            sum += d;
            product += d * (x[i] - mean);
        }

        return (sum, product);
    }

    private static void Center(
        float* x, float* gradient, float* found, int count, float scale, float shift, float slope, float byX, float constant)
    {
        Vector<float> scales = new(scale), shifts = new(shift), slopes = new(slope), factors = new(byX), constants = new(constant);
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector<float> value = Vector.Load(x + i);
            Vector<float> d = Activate(Vector.FusedMultiplyAdd(value, scales, shifts), Vector.Load(gradient + i), slopes);
            Vector.FusedMultiplyAdd(d, scales, Vector.FusedMultiplyAdd(value, factors, constants)).Store(found + i);
        }

        for (; i < count; i++)
        {
            float d = MathF.FusedMultiplyAdd(x[i], scale, shift) > 0 ? gradient[i] : gradient[i] * slope;
            found[i] = MathF.FusedMultiplyAdd(d, scale, MathF.FusedMultiplyAdd(x[i], byX, constant));
        }
    }

    // The values where z is above 0, else the slope's multiple. What is not a number stays.
    private static Vector<float> Activate(Vector<float> z, Vector<float> values, Vector<float> slopes) =>
        Vector.ConditionalSelect(Vector.GreaterThan(z, Vector<float>.Zero), values, values * slopes);
}
