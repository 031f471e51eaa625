using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>A weight whose parts, of neighboring outputs, are stored in different forms.</summary>
internal sealed class PartedWeight : QuantizedWeight
{
    /// <summary>A weight whose values are not set.</summary>
    /// <param name="inputs">Inputs.</param>
    /// <param name="outputs">The outputs of each part.</param>
    /// <param name="formats">The format of each part.</param>
    public PartedWeight(long inputs, IReadOnlyList<long> outputs, IReadOnlyList<BlockFormat> formats)
        : base([outputs.Sum(), inputs])
    {
        Parts = [.. outputs.Zip(formats).Select((part, i) => Create([part.First, inputs], part.Second, $"{DenseWeight.Name}_{i}"))];
    }

    public IReadOnlyList<Weight> Parts { get; }

    public override string Kind => string.Join(" + ", Parts.Select(part => part.Kind));

    public override IReadOnlyList<Tensor> Tensors =>
        [.. Parts.SelectMany(part => part is QuantizedWeight quantized ? quantized.Tensors : [part.Plain!])];

    public override void Take(Tensor dense) => throw new NotSupportedException($"{Kind} can be read, not written.");

    public override void Write(Tensor floats)
    {
        long start = 0;
        foreach (Weight part in Parts)
        {
            using Tensor own = floats.narrow(0, start, part.Shape[0]); // [outputs of the part, inputs]
            start += part.Shape[0];
            if (part is QuantizedWeight quantized)
                quantized.Write(own);
            else
                own.copy_(part.Plain!);
        }
    }

    public override void Register(nn.Module layer)
    {
        foreach (Weight part in Parts)
            part.Register(layer);
    }

    public override void Rebind(nn.Module layer)
    {
        foreach (Weight part in Parts)
            part.Rebind(layer);
    }
}
