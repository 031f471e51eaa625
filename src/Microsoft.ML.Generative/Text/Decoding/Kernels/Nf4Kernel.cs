using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>A weight of <see cref="Nf4"/> numbers, whose blocks follow each other from row to row.</summary>
/// <param name="reader">The numbers.</param>
/// <param name="bias">[outputs], or null.</param>
/// <param name="outputs">Values of y.</param>
/// <param name="inputs">Values of x.</param>
internal sealed unsafe class Nf4Kernel(Nf4Reader reader, float* bias, int outputs, int inputs) : DecodedKernel(bias, outputs, inputs)
{
    public override void ReadRow(int output, float* values)
    {
        long start = (long)output * Inputs;
        reader.Read(start, start + Inputs, values);
    }
}
