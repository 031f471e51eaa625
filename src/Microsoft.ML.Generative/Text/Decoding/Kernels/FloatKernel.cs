namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>A weight of floats, as <see cref="FloatWeights"/> reads them.</summary>
/// <typeparam name="T">What they are stored as.</typeparam>
internal sealed unsafe class FloatKernel<T>(T* weights, float* bias, int outputs, int inputs) : WeightKernel(outputs, inputs)
    where T : unmanaged
{
    private readonly LinearKernel<T> _linear = new(weights, bias, outputs, inputs);

    public override int Together => FloatWeights.Together;

    public override void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free) =>
        _linear.Apply(x.Start, x.Stride, y, yStride, rows, from, to, isAdded);

    public override void ReadRow(int output, float* values)
    {
        T* row = weights + (long)output * Inputs;
        for (int i = 0; i < Inputs; i++)
            values[i] = FloatWeights.Value(row[i]);
    }
}
