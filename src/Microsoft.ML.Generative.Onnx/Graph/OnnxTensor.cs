using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>A weight or a constant of a graph, whose values are read where they are when it is written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The type of its values.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Write">Writes its values in little-endian order.</param>
internal sealed record OnnxTensor(string Name, OnnxType Type, long[] Shape, Action<Stream> Write)
{
    // onnx.proto, TensorProto
    private const int DimsField = 1;
    private const int DataTypeField = 2;
    private const int NameField = 8;
    private const int RawDataField = 9;
    private const int ExternalDataField = 13;
    private const int DataLocationField = 14;
    private const int External = 1;

    public long Bytes => Shape.Aggregate(1L, (product, size) => checked(product * size)) * (Type == OnnxType.Float32 ? 4 : 8);

    public static OnnxTensor Of(string name, torch.Tensor tensor)
    {
        torch.Tensor values = tensor.detach();
        return new OnnxTensor(name, OnnxType.Float32, values.shape, stream =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            float[] copy = TensorMemory.ToArray<float>(values.to(torch.ScalarType.Float32).cpu().contiguous());
            stream.Write(MemoryMarshal.AsBytes(copy.AsSpan()));
        });
    }

    public static OnnxTensor Of(string name, ReadOnlySpan<float> values, params long[] shape)
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        return new OnnxTensor(name, OnnxType.Float32, shape, stream => stream.Write(bytes));
    }

    public static OnnxTensor Of(string name, ReadOnlySpan<long> values, long[] shape)
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        return new OnnxTensor(name, OnnxType.Int64, shape, stream => stream.Write(bytes));
    }

    /// <summary>The tensor with its values in it.</summary>
    public ProtoMessage ToMessage() => Described().Bytes(RawDataField, Bytes, Write);

    /// <summary>The tensor with its values in another file.</summary>
    /// <param name="file">That file's name, in the same folder.</param>
    /// <param name="offset">Where they begin there.</param>
    public ProtoMessage ToMessage(string file, long offset)
    {
        ProtoMessage message = Described();
        foreach ((string key, string value) in (ReadOnlySpan<(string, string)>)[
            ("location", file), ("offset", $"{offset}"), ("length", $"{Bytes}")])
            message.Message(ExternalDataField, OnnxModelFile.Entry(key, value));
        return message.Number(DataLocationField, External);
    }

    private ProtoMessage Described()
    {
        var message = new ProtoMessage();
        foreach (long size in Shape)
            message.Number(DimsField, size);
        return message.Number(DataTypeField, (int)Type).Text(NameField, Name);
    }
}
