using System.Numerics;
using System.Runtime.CompilerServices;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Layers.Kernels;

/// <summary>Layer normalization (Ba, Kiros, Hinton 2016) or by the mean square (Zhang, Sennrich 2019), a row at a time.</summary>
/// <param name="gain">[width].</param>
/// <param name="bias">[width], or null.</param>
/// <param name="width">Values of a row.</param>
/// <param name="isCentred">Whether the mean is subtracted.</param>
/// <param name="epsilon">What is added to the variance.</param>
internal readonly unsafe struct NormalizationKernel(float* gain, float* bias, int width, bool isCentred, double epsilon)
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(float* x, float* y)
    {
        float mean = isCentred ? Sum(x) / width : 0;
        var means = new Vector<float>(mean);
        Vector<float> squares = default;
        int i = 0;
        for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> centered = Vector.Load(x + i) - means;
            squares = Vector.FusedMultiplyAdd(centered, centered, squares);
        }

        float sum = VectorMath.Sum(squares);
        for (; i < width; i++)
            sum += (x[i] - mean) * (x[i] - mean);

        float scale = (float)(1 / Math.Sqrt(sum / (double)width + epsilon));
        for (i = 0; i <= width - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> value = (Vector.Load(x + i) - means) * scale * Vector.Load(gain + i);
            (bias is null ? value : value + Vector.Load(bias + i)).Store(y + i);
        }

        for (; i < width; i++)
        {
            float value = (x[i] - mean) * scale * gain[i];
            y[i] = bias is null ? value : value + bias[i];
        }
    }

    private float Sum(float* x)
    {
        Vector<float> sums = default;
        int i = 0;
        for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
            sums += Vector.Load(x + i);
        float sum = VectorMath.Sum(sums);
        for (; i < width; i++)
            sum += x[i];
        return sum;
    }
}
