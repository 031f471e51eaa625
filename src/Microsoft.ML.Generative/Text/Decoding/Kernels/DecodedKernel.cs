namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// A weight whose rows become floats just before they are multiplied, a few at a time, which stay in the nearest cache. Each is read once
/// for all rows of x.
/// </summary>
internal abstract unsafe class DecodedKernel(float* bias, int outputs, int inputs) : WeightKernel(outputs, inputs)
{
    public override int Together => FloatWeights.Together;

    public override int FreeFloats => checked(FloatWeights.Together * Inputs);

    public override void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free)
    {
        for (int o = from; o < to; o += FloatWeights.Together)
        {
            int count = Math.Min(FloatWeights.Together, to - o);
            for (int i = 0; i < count; i++)
                ReadRow(o + i, free + (long)i * Inputs);
            new LinearKernel<float>(free, bias is null ? null : bias + o, count, Inputs)
                .Apply(x.Start, x.Stride, y + o, yStride, rows, 0, count, isAdded);
        }
    }
}
