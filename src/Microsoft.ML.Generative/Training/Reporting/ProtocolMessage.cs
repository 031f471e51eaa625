using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>The bytes of one protocol-buffer message, field by field. Encoding: https://protobuf.dev/programming-guides/encoding.</summary>
internal sealed class ProtocolMessage
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    private enum WireType
    {
        Variable = 0,
        EightBytes = 1,
        Length = 2,
        FourBytes = 5,
    }

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public void Add(int field, long value)
    {
        Key(field, WireType.Variable);
        Number((ulong)value);
    }

    public void Add(int field, double value)
    {
        Key(field, WireType.EightBytes);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        _bytes.Write(bytes);
    }

    public void Add(int field, float value)
    {
        Key(field, WireType.FourBytes);
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        _bytes.Write(bytes);
    }

    public void Add(int field, string value) => Add(field, Encoding.UTF8.GetBytes(value));

    public void Add(int field, ProtocolMessage value) => Add(field, value.Bytes);

    public void Add(int field, ReadOnlySpan<byte> value)
    {
        Key(field, WireType.Length);
        Number((ulong)value.Length);
        _bytes.Write(value);
    }

    private void Key(int field, WireType type) => Number((ulong)(field << 3 | (int)type));

    // Seven bits a byte, the lowest first; the eighth says that more follow.
    private void Number(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes.Write([(byte)(value | 0x80)]);
        _bytes.Write([(byte)value]);
    }
}
