using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>
/// Reads the header of a GGUF file. Lengths are compared with what the file has left before memory is taken for what they announce, and
/// what is read at once is bounded, whatever the file says.
/// </summary>
/// <param name="stream">The file, at its beginning; small pieces of it are read.</param>
/// <param name="source">The file as error messages name it.</param>
internal sealed class GgufParser(BufferedStream stream, string source)
{
    // The largest vocabularies in use take some 10 MB with their merges.
    private const long MaxHeaderBytes = 1 << 28;
    private const int MaxName = 1 << 16;
    private const int MaxElements = 1 << 23;
    private const int MaxDimensions = 4;
    private const int LeastBytesOfEntry = sizeof(ulong) + sizeof(uint);

    private readonly long _length = stream.Length;
    private long _position;

    private enum ValueType : uint
    {
        UInt8,
        Int8,
        UInt16,
        Int16,
        UInt32,
        Int32,
        Float32,
        Bool,
        String,
        Array,
        UInt64,
        Int64,
        Float64,
    }

    private long Left => Math.Min(_length, MaxHeaderBytes) - _position;

    public GgufHeader Parse()
    {
        Span<byte> magic = stackalloc byte[sizeof(uint)];
        Take(magic);
        if (!magic.SequenceEqual(GgufHeader.Magic))
            throw Bad("it does not begin with 'GGUF'");
        uint version = TakeUInt32();
        if (version is not (2 or 3))
            throw Bad($"its version is {version}; supported values: 2, 3");
        int tensorCount = TakeCount("tensors", LeastBytesOfEntry), valueCount = TakeCount("entries of metadata", LeastBytesOfEntry);

        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        for (int i = 0; i < valueCount; i++)
        {
            string name = TakeText("the name of an entry of metadata", MaxName);
            if (!values.TryAdd(name, TakeValue(TakeType(name), name)))
                throw Bad($"its metadata have {Quoted.Text(name)} twice");
        }

        var metadata = new GgufMetadata(source, values);
        int alignment = metadata.Count(GgufHeader.AlignmentName) ?? GgufHeader.DefaultAlignment;
        if (alignment is 0 or > 1 << 20 || alignment % 8 != 0)
            throw Bad($"its '{GgufHeader.AlignmentName}' is {alignment}; expected a multiple of 8");
        List<(string Name, long[] Shape, BlockFormat Format, long Offset)> infos = [];
        for (int i = 0; i < tensorCount; i++)
            infos.Add(TakeTensor());
        long start = (_position + alignment - 1) / alignment * alignment;
        return new GgufHeader(metadata, Place(infos, start, alignment));
    }

    private Dictionary<string, GgufTensor> Place(
        List<(string Name, long[] Shape, BlockFormat Format, long Offset)> infos, long start, int alignment)
    {
        var tensors = new Dictionary<string, GgufTensor>(StringComparer.Ordinal);
        long end = start;
        foreach ((string name, long[] shape, BlockFormat format, long offset) in infos.OrderBy(info => info.Offset))
        {
            var tensor = new GgufTensor(name, shape, format, start + offset);
            long bytes = shape[..^1].Aggregate(tensor.RowBytes, (product, size) => product * size);
            if (offset % alignment != 0 || tensor.Start < end)
                throw Bad($"tensor {Quoted.Text(name)} begins at {offset} of the data, within another or not at a multiple of {alignment}");
            if (bytes > _length - tensor.Start)
            {
                throw Bad(
                    $"tensor {Quoted.Text(name)}, {tensor.Describe()}, has {bytes} bytes from {tensor.Start} on; the file has {_length}");
            }

            end = tensor.Start + bytes;
            if (!tensors.TryAdd(name, tensor))
                throw Bad($"it has tensor {Quoted.Text(name)} twice");
        }

        return tensors;
    }

    private (string Name, long[] Shape, BlockFormat Format, long Offset) TakeTensor()
    {
        string name = TakeText("the name of a tensor", MaxName);
        uint dimensions = TakeUInt32();
        if (dimensions is 0 or > MaxDimensions)
            throw Bad($"tensor {Quoted.Text(name)} has {dimensions} dimensions; expected 1 to {MaxDimensions}");
        long[] shape = new long[dimensions];
        long elements = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            ulong size = TakeUInt64();
            if (size == 0 || size > long.MaxValue || Math.BigMul(elements, (long)size) > long.MaxValue / 8)
                throw Bad($"a dimension of tensor {Quoted.Text(name)} is {size}, which no file has");
            elements *= shape[i] = (long)size;
        }

        uint type = TakeUInt32();
        if (GgufTypes.Find(type) is not { } format)
            throw Bad($"tensor {Quoted.Text(name)} has the type {type}, which is not supported; supported are {GgufTypes.Known}");
        if (shape[^1] % format.BlockSize != 0)
        {
            throw Bad(
                $"tensor {Quoted.Text(name)} has rows of {shape[^1]} elements, which do not fill the blocks of {format.BlockSize} of "
                + format.Name);
        }

        ulong offset = TakeUInt64();
        return offset <= (ulong)_length ? (name, shape, format, (long)offset)
            : throw Bad($"tensor {Quoted.Text(name)} begins at {offset} of the data; the file has {_length} bytes");
    }

    private object TakeValue(ValueType type, string name)
    {
        if (type != ValueType.Array)
            return TakeSingle(type, name);
        ValueType of = TakeType(name);
        if (of == ValueType.Array)
            throw Bad($"{Quoted.Text(name)} in its metadata is an array of arrays, which is not supported");
        int count = TakeCount($"elements of {Quoted.Text(name)}", SizeOf(of));
        if (count > MaxElements)
            throw Bad($"{Quoted.Text(name)} in its metadata has {count} elements; at most {MaxElements} are allowed");
        return of switch
        {
            ValueType.String => Fill<string>(),
            ValueType.Bool => Fill<bool>(),
            ValueType.Float32 or ValueType.Float64 => Fill<double>(),
            _ => Fill<long>(),
        };

        T[] Fill<T>()
        {
            // As they come: of texts, even a possible number may take far more memory than the file.
            List<T> values = [];
            for (int i = 0; i < count; i++)
                values.Add((T)TakeSingle(of, name));
            return [.. values];
        }
    }

    private object TakeSingle(ValueType type, string name)
    {
        switch (type)
        {
            case ValueType.UInt8:
                return (long)TakeByte();
            case ValueType.Int8:
                return (long)(sbyte)TakeByte();
            case ValueType.UInt16:
                return (long)TakeUInt16();
            case ValueType.Int16:
                return (long)(short)TakeUInt16();
            case ValueType.UInt32:
                return (long)TakeUInt32();
            case ValueType.Int32:
                return (long)(int)TakeUInt32();
            case ValueType.Float32:
                return (double)BitConverter.UInt32BitsToSingle(TakeUInt32());
            case ValueType.Float64:
                return BitConverter.UInt64BitsToDouble(TakeUInt64());
            case ValueType.Bool:
                byte value = TakeByte();
                return value <= 1 ? value == 1 : throw Bad($"{Quoted.Text(name)} in its metadata is {value}; expected 0 or 1");
            case ValueType.Int64:
                return (long)TakeUInt64();
            case ValueType.UInt64:
                ulong large = TakeUInt64();
                return large <= long.MaxValue
                    ? (long)large
                    : throw Bad($"{Quoted.Text(name)} in its metadata is {large}, which is too large");
            default:
                return TakeText($"the value of {Quoted.Text(name)}", int.MaxValue);
        }
    }

    private ValueType TakeType(string name)
    {
        uint type = TakeUInt32();
        return type <= (uint)ValueType.Float64
            ? (ValueType)type
            : throw Bad($"{Quoted.Text(name)} in its metadata has the type {type}; supported values: 0 to {(uint)ValueType.Float64}");
    }

    private static int SizeOf(ValueType type) => type switch
    {
        ValueType.UInt8 or ValueType.Int8 or ValueType.Bool => 1,
        ValueType.UInt16 or ValueType.Int16 => 2,
        ValueType.UInt32 or ValueType.Int32 or ValueType.Float32 => 4,
        _ => 8,
    };

    private int TakeCount(string what, int leastBytes)
    {
        ulong count = TakeUInt64();
        return count <= (ulong)(Left / leastBytes) ? (int)count
            : throw Bad($"it announces {count} {what}, for which its {_length} bytes have no room");
    }

    private string TakeText(string what, int longest)
    {
        ulong length = TakeUInt64();
        if (length > (ulong)Math.Min(Left, longest))
            throw Bad($"{what} has {length} bytes, for which there is no room");
        byte[] bytes = new byte[length];
        Take(bytes);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Bad($"{what} is not UTF-8");
    }

    private byte TakeByte()
    {
        Span<byte> bytes = stackalloc byte[1];
        Take(bytes);
        return bytes[0];
    }

    private ushort TakeUInt16()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        Take(bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    private uint TakeUInt32()
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        Take(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private ulong TakeUInt64()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        Take(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private void Take(Span<byte> bytes)
    {
        if (bytes.Length > Left)
            throw Bad(_length > MaxHeaderBytes ? $"its header has more than {MaxHeaderBytes} bytes" : "its header is cut off");
        stream.ReadExactly(bytes);
        _position += bytes.Length;
    }

    private InvalidDataException Bad(string what) => new($"'{source}' is not a valid GGUF file: {what}.");
}
