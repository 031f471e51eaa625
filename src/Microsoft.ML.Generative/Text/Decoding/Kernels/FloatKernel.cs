namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>A weight of floats.</summary>
internal sealed unsafe class FloatKernel(float* weights, float* bias, int outputs, int inputs) : WeightKernel(outputs, inputs)
{
    private readonly LinearKernel _linear = new(weights, bias, outputs, inputs);

    public override int Together => LinearKernel.Together;

    public override void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free) =>
        _linear.Apply(x.Start, x.Stride, y, yStride, rows, from, to, isAdded);

    public override void ReadRow(int output, float* values) =>
        new ReadOnlySpan<float>(weights + (long)output * Inputs, Inputs).CopyTo(new Span<float>(values, Inputs));
}
