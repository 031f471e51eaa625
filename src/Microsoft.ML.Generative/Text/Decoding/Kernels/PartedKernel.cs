namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>A weight whose parts, of neighboring outputs, have kernels of their own.</summary>
internal sealed unsafe class PartedKernel(WeightKernel[] parts)
    : WeightKernel(parts.Sum(part => part.Outputs), parts[0].Inputs)
{
    public override int Together { get; } = parts.Max(part => part.Together);

    public override bool QuantizesInput { get; } = Array.Exists(parts, part => part.QuantizesInput);

    public override int FreeFloats { get; } = parts.Max(part => part.FreeFloats);

    public override void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free)
    {
        int start = 0;
        foreach (WeightKernel part in parts)
        {
            int first = Math.Max(from - start, 0), end = Math.Min(to - start, part.Outputs);
            if (first < end)
                part.Apply(x, y + start, yStride, rows, first, end, isAdded, free);
            start += part.Outputs;
        }
    }

    public override void ReadRow(int output, float* values)
    {
        int part = 0;
        for (; output >= parts[part].Outputs; part++)
            output -= parts[part].Outputs;
        parts[part].ReadRow(output, values);
    }
}
