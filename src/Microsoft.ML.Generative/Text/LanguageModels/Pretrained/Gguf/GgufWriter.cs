using System.Buffers.Binary;
using System.Text;
using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>Writes a GGUF file of version 3: metadata, then tensors, whose data are asked for one after the other.</summary>
internal sealed class GgufWriter
{
    private const uint Version = 3;

    private readonly List<Action<Stream>> _metadata = [];
    private readonly List<(string Name, long[] Shape, BlockFormat Format, Action<Stream> Write)> _tensors = [];

    public void Add(string name, string value) => Add(name, 8, stream => Text(stream, value));

    /// <param name="name">The key.</param>
    /// <param name="value">A number from 0 on.</param>
    public void Add(string name, int value) => Add(name, 4, stream => UInt32(stream, checked((uint)value)));

    public void Add(string name, float value) => Add(name, 6, stream => UInt32(stream, BitConverter.SingleToUInt32Bits(value)));

    public void Add(string name, bool value) => Add(name, 7, stream => stream.WriteByte(value ? (byte)1 : (byte)0));

    public void Add(string name, IReadOnlyCollection<string> values) => AddAll(name, 8, values, Text);

    public void Add(string name, IReadOnlyCollection<float> values) =>
        AddAll(name, 6, values, (stream, value) => UInt32(stream, BitConverter.SingleToUInt32Bits(value)));

    public void Add(string name, IReadOnlyCollection<int> values) =>
        AddAll(name, 5, values, (stream, value) => UInt32(stream, (uint)value));

    /// <param name="name">The tensor's name.</param>
    /// <param name="shape">Its dimensions, the one whose elements are neighbors last.</param>
    /// <param name="format">How its elements are stored.</param>
    /// <param name="write">Writes its bytes.</param>
    public void AddTensor(string name, long[] shape, BlockFormat format, Action<Stream> write) =>
        _tensors.Add((name, shape, format, write));

    public void Write(Stream stream)
    {
        using var header = new MemoryStream();
        header.Write(GgufHeader.Magic);
        UInt32(header, Version);
        UInt64(header, (ulong)_tensors.Count);
        UInt64(header, (ulong)_metadata.Count);
        foreach (Action<Stream> write in _metadata)
            write(header);
        long offset = 0;
        foreach ((string name, long[] shape, BlockFormat format, _) in _tensors)
        {
            Text(header, name);
            UInt32(header, (uint)shape.Length);
            foreach (long size in shape.Reverse())
                UInt64(header, (ulong)size);
            UInt32(header, GgufTypes.NumberOf(format));
            UInt64(header, (ulong)offset);
            offset += Padded(BytesOf(shape, format));
        }

        header.Write(new byte[Padded(header.Length) - header.Length]);
        header.WriteTo(stream);
        foreach ((_, long[] shape, BlockFormat format, Action<Stream> write) in _tensors)
        {
            write(stream);
            long bytes = BytesOf(shape, format);
            stream.Write(new byte[Padded(bytes) - bytes]);
        }
    }

    private static long BytesOf(long[] shape, BlockFormat format) =>
        format.BytesOf(shape.Aggregate(1L, (product, size) => product * size));

    private static long Padded(long bytes) =>
        (bytes + GgufHeader.DefaultAlignment - 1) / GgufHeader.DefaultAlignment * GgufHeader.DefaultAlignment;

    private void Add(string name, uint type, Action<Stream> write) => _metadata.Add(stream =>
    {
        Text(stream, name);
        UInt32(stream, type);
        write(stream);
    });

    private void AddAll<T>(string name, uint type, IReadOnlyCollection<T> values, Action<Stream, T> write) => Add(name, 9, stream =>
    {
        UInt32(stream, type);
        UInt64(stream, (ulong)values.Count);
        foreach (T value in values)
            write(stream, value);
    });

    private static void Text(Stream stream, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        UInt64(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void UInt32(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static void UInt64(Stream stream, ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }
}
