using Google.Protobuf;

namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>
/// A message of Protocol Buffers made of parts, which are written one after the other: its length, which precedes it in the message around
/// it, is known without writing it, so that weights are never held in memory twice.
/// </summary>
internal sealed class ProtoMessage
{
    private readonly List<(long Length, Action<Stream> Write)> _parts = [];

    public long Length { get; private set; }

    public ProtoMessage Number(int field, long value) => Add(output =>
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    });

    public ProtoMessage Float(int field, float value) => Add(output =>
    {
        output.WriteTag(field, WireFormat.WireType.Fixed32);
        output.WriteFloat(value);
    });

    public ProtoMessage Text(int field, string value) => Add(output =>
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(value);
    });

    public ProtoMessage Message(int field, ProtoMessage message)
    {
        Header(field, message.Length);
        return Add(message.Length, message.WriteTo);
    }

    /// <param name="field">The field.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="write">Writes them.</param>
    public ProtoMessage Bytes(int field, long length, Action<Stream> write)
    {
        Header(field, length);
        return Add(length, write);
    }

    public void WriteTo(Stream stream)
    {
        foreach ((_, Action<Stream> write) in _parts)
            write(stream);
    }

    private void Header(int field, long length) => Add(output =>
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteUInt64((ulong)length);
    });

    private ProtoMessage Add(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
            write(output);
        byte[] bytes = stream.ToArray();
        return Add(bytes.Length, target => target.Write(bytes));
    }

    private ProtoMessage Add(long length, Action<Stream> write)
    {
        _parts.Add((length, write));
        Length += length;
        return this;
    }
}
