using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>A <see cref="BlockWeight"/>, in whichever format.</summary>
internal sealed unsafe class BlockRowsKernel(byte* blocks, BlockFormat format, float* bias, int outputs, int inputs)
    : DecodedKernel(bias, outputs, inputs)
{
    private readonly int _rowBytes = checked((int)format.BytesOf(inputs));

    public override void ReadRow(int output, float* values) => format.Dequantize(
        new ReadOnlySpan<byte>(blocks + (long)output * _rowBytes, _rowBytes), new Span<float>(values, Inputs));
}
