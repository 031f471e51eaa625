using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>
/// What a safetensors header says of one tensor; the bytes run from <paramref name="Begin"/> to before <paramref name="End"/>, counted from
/// the first byte after the header.
/// </summary>
internal sealed record SafetensorsInfo(string Name, torch.ScalarType Type, long[] Shape, long Begin, long End)
{
    public long Bytes => End - Begin;

    public bool Fits(torch.Tensor tensor) => tensor.dtype == Type && tensor.shape.AsSpan().SequenceEqual(Shape);

    public string Describe() => SafetensorsTypes.Describe(Type, Shape);
}
