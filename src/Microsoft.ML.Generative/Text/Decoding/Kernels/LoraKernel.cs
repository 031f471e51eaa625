using System.Numerics;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// y += s B A x, and with magnitudes y = f (y − b + s B A x) + b, for the outputs of a layer or of a part of it. As with
/// <see cref="LinearKernel{T}"/>, an output does not depend on other rows.
/// </summary>
/// <param name="down">A.</param>
/// <param name="up">s Bᵀ, [rank, outputs].</param>
/// <param name="factors">f, [outputs], or null.</param>
/// <param name="bias">b, [outputs], or null.</param>
/// <param name="start">The first output.</param>
/// <param name="outputs">Outputs.</param>
internal readonly unsafe struct LoraKernel(LinearKernel<float> down, float* up, float* factors, float* bias, int start, int outputs)
{
    public int Rank => down.Outputs;

    /// <summary>Whether y has to be the layer's output alone.</summary>
    public bool Rescales => factors is not null;

    /// <summary>Changes the outputs of all rows.</summary>
    /// <param name="x">[rows, stride].</param>
    /// <param name="xStride">Floats from a row of x to the next.</param>
    /// <param name="y">[rows, stride], all outputs of the layer.</param>
    /// <param name="yStride">Floats from a row of y to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="free">Memory for [rows, rank].</param>
    public void Apply(float* x, int xStride, float* y, int yStride, int rows, float* free)
    {
        down.Apply(x, xStride, free, Rank, rows, 0, Rank, isAdded: false);
        for (int row = 0; row < rows; row++)
        {
            float* target = y + (long)row * yStride + start;
            AddUp(free + (long)row * Rank, target);
            if (factors is not null)
                Rescale(target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddUp(float* t, float* y)
    {
        int rank = Rank, o = 0;
        for (; o <= outputs - Vector<float>.Count; o += Vector<float>.Count)
        {
            Vector<float> sum = Vector.Load(y + o);
            float* column = up + o;
            for (int k = 0; k < rank; k++, column += outputs)
                sum = Vector.FusedMultiplyAdd(Vector.Load(column), new Vector<float>(t[k]), sum);
            sum.Store(y + o);
        }

        for (; o < outputs; o++)
        {
            float sum = y[o];
            for (int k = 0; k < rank; k++)
                sum = MathF.FusedMultiplyAdd(up[(long)k * outputs + o], t[k], sum);
            y[o] = sum;
        }
    }

    private void Rescale(float* y)
    {
        for (int o = 0; o < outputs; o++)
            y[o] = bias is null ? y[o] * factors[o] : (y[o] - bias[o]) * factors[o] + bias[o];
    }
}

/// <summary>A layer and its adapters.</summary>
/// <param name="Weight">The layer without them.</param>
/// <param name="Adapters">The adapters, of different outputs.</param>
internal readonly record struct LayerKernel(WeightKernel Weight, LoraKernel[] Adapters)
{
    public bool Rescales => Array.Exists(Adapters, adapter => adapter.Rescales);
}
