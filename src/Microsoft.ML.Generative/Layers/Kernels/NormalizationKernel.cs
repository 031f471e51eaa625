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
        (float mean, float scale) = Moments(x);
        var means = new Vector<float>(mean);
        int i = 0;
        for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
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

    /// <summary>
    /// The gradient of a row, and what the row adds to those of gain and bias. With n = (x − μ) / σ and g = ∂/∂y · gain, that of x is
    /// (g − mean(g) − n · mean(g · n)) / σ, without the mean of g where no mean was subtracted.
    /// </summary>
    /// <param name="x">[width].</param>
    /// <param name="yGradient">The gradient of the normalized row, [width].</param>
    /// <param name="added">What is added to the gradient, [width].</param>
    /// <param name="xGradient">Where it is written, [width].</param>
    /// <param name="gainGradient">[width], added to.</param>
    /// <param name="biasGradient">[width], added to; null: there is none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Derive(float* x, float* yGradient, float* added, float* xGradient, float* gainGradient, float* biasGradient)
    {
        (float mean, float scale) = Moments(x);
        var means = new Vector<float>(mean);
        Vector<float> sums = default, products = default;
        int i = 0;
        for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> normal = (Vector.Load(x + i) - means) * scale, gradient = Vector.Load(yGradient + i);
            Vector<float> scaled = gradient * Vector.Load(gain + i);
            sums += scaled;
            products = Vector.FusedMultiplyAdd(scaled, normal, products);
            Vector.FusedMultiplyAdd(gradient, normal, Vector.Load(gainGradient + i)).Store(gainGradient + i);
            if (biasGradient is not null)
                (Vector.Load(biasGradient + i) + gradient).Store(biasGradient + i);
        }

        float sum = VectorMath.Sum(sums), product = VectorMath.Sum(products);
        for (; i < width; i++)
        {
            float normal = (x[i] - mean) * scale;
            sum += yGradient[i] * gain[i];
            product += yGradient[i] * gain[i] * normal;
            gainGradient[i] += yGradient[i] * normal;
            if (biasGradient is not null)
                biasGradient[i] += yGradient[i];
        }

        float meanGradient = isCentred ? sum / width : 0, meanProduct = product / width;
        var meanGradients = new Vector<float>(meanGradient);
        for (i = 0; i <= width - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> normal = (Vector.Load(x + i) - means) * scale;
            Vector<float> gradient = Vector.Load(yGradient + i) * Vector.Load(gain + i) - meanGradients - normal * meanProduct;
            Vector.FusedMultiplyAdd(gradient, new Vector<float>(scale), Vector.Load(added + i)).Store(xGradient + i);
        }

        for (; i < width; i++)
            xGradient[i] = added[i] + (yGradient[i] * gain[i] - meanGradient - (x[i] - mean) * scale * meanProduct) * scale;
    }

    // The mean, or 0 where it is not subtracted, and the inverse of the deviation.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (float Mean, float Scale) Moments(float* x)
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
        return (mean, (float)(1 / Math.Sqrt(sum / (double)width + epsilon)));
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
