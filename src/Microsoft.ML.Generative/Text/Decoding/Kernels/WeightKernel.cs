namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// y = W x + b for several x at once, so that each weight is read once. An output is always computed in the same way, whatever other rows
/// and outputs are computed with it.
/// </summary>
/// <param name="outputs">Values of y.</param>
/// <param name="inputs">Values of x.</param>
internal abstract unsafe class WeightKernel(int outputs, int inputs)
{
    public int Outputs => outputs;

    public int Inputs => inputs;

    /// <summary>Outputs that are computed together: pieces of work should be multiples of it.</summary>
    public abstract int Together { get; }

    /// <summary>Whether x is read as <see cref="QuantizedRows"/>.</summary>
    public virtual bool QuantizesInput => false;

    /// <summary>Floats that a thread needs to compute.</summary>
    public virtual int FreeFloats => 0;

    /// <summary>Computes some of the outputs of all rows.</summary>
    /// <param name="x">The rows of x.</param>
    /// <param name="y">[rows, stride].</param>
    /// <param name="yStride">Floats from a row of y to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="from">The first output.</param>
    /// <param name="to">The one after the last.</param>
    /// <param name="isAdded">Whether the outputs are added to y rather than put there.</param>
    /// <param name="free">Memory of <see cref="FreeFloats"/>, the thread's own.</param>
    public abstract void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free);

    /// <summary>Writes a row of W.</summary>
    public abstract void ReadRow(int output, float* values);
}

/// <summary>Rows that are multiplied.</summary>
/// <param name="Values">[rows, stride].</param>
/// <param name="Stride">Floats from a row to the next.</param>
/// <param name="Quantized">The same in few bits, where the kernel reads it.</param>
internal readonly unsafe record struct KernelInput(nint Values, int Stride, QuantizedRows? Quantized)
{
    public KernelInput(float* values, int stride, QuantizedRows? quantized = null)
        : this((nint)values, stride, quantized)
    {
    }

    public float* Start => (float*)Values;
}
