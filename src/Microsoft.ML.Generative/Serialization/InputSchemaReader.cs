using System.Buffers.Binary;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// Reads names and types of the columns that a model file notes for its input, in ML.NET's binary data view format without rows. ML.NET's
/// own reader does not end where a count in the file is larger than the file, and follows types in types without a limit.
/// </summary>
internal static class InputSchemaReader
{
    private const int HeaderBytes = 256;
    private const ulong Signature = 0x00425644004C4D43;

    private static readonly Dictionary<string, PrimitiveDataViewType> _types = new(StringComparer.Ordinal)
    {
        ["SByte"] = NumberDataViewType.SByte,
        ["Byte"] = NumberDataViewType.Byte,
        ["Int16"] = NumberDataViewType.Int16,
        ["UInt16"] = NumberDataViewType.UInt16,
        ["Int32"] = NumberDataViewType.Int32,
        ["UInt32"] = NumberDataViewType.UInt32,
        ["Int64"] = NumberDataViewType.Int64,
        ["UInt64"] = NumberDataViewType.UInt64,
        ["Single"] = NumberDataViewType.Single,
        ["Double"] = NumberDataViewType.Double,
        ["Boolean"] = BooleanDataViewType.Instance,
        ["TextSpan"] = TextDataViewType.Instance,
        ["TimeSpan"] = TimeSpanDataViewType.Instance,
        ["DateTime"] = DateTimeDataViewType.Instance,
        ["DateTimeOffset"] = DateTimeOffsetDataViewType.Instance,
        ["DataViewRowId"] = RowIdDataViewType.Instance,
    };

    /// <summary>The columns without their annotations; columns of other types are left out, as ML.NET does.</summary>
    /// <exception cref="InvalidDataException">The bytes are not of this format, or say what cannot be.</exception>
    /// <exception cref="EndOfStreamException">The bytes end early.</exception>
    public static DataViewSchema Read(byte[] bytes)
    {
        if (bytes.Length < HeaderBytes || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Signature)
            throw new InvalidDataException("the input schema has no header");
        long place = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(24));
        long rows = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(40));
        int columns = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(48));
        if (rows != 0 || columns < 0 || columns > bytes.Length || (columns > 0 && (place < HeaderBytes || place > bytes.Length)))
            throw new InvalidDataException($"the input schema claims {columns} columns at byte {place} and {rows} rows");

        var builder = new DataViewSchema.Builder();
        using var reader = new BinaryReader(new MemoryStream(bytes, writable: false));
        reader.BaseStream.Position = columns > 0 ? place : HeaderBytes;
        for (int i = 0; i < columns; i++)
        {
            string name = reader.ReadString();
            DataViewType? type = ReadType(reader, depth: 0);

            // Compression, rows in a block, and where rows and annotations stand.
            reader.ReadByte();
            reader.Read7BitEncodedInt64();
            reader.ReadInt64();
            reader.ReadInt64();
            if (type is not null)
                builder.AddColumn(name, type);
        }

        return builder.ToSchema();
    }

    // A type's name, the length of what follows, and what follows; no type is deeper than a vector of keys of numbers.
    private static DataViewType? ReadType(BinaryReader reader, int depth)
    {
        string name = reader.ReadString();
        long length = reader.Read7BitEncodedInt64();
        long start = reader.BaseStream.Position;
        if (length < 0 || length > reader.BaseStream.Length - start || depth > 2)
            throw new InvalidDataException($"the input schema has the type {Quoted.Text(name)} of {length} bytes, {depth} types deep");

        DataViewType? type = name switch
        {
            "VBuffer" => ReadVector(reader, depth),
            "Key2" => ReadKey(reader, depth),
            _ => _types.GetValueOrDefault(name),
        };
        if (type is null)
            reader.BaseStream.Position = start + length;
        else if (reader.BaseStream.Position != start + length)
            throw new InvalidDataException($"the input schema's type {Quoted.Text(name)} does not take its {length} bytes");
        return type;
    }

    private static VectorDataViewType? ReadVector(BinaryReader reader, int depth)
    {
        if (ReadType(reader, depth + 1) is not PrimitiveDataViewType item)
            return null;
        int count = reader.ReadInt32();
        if (count < 0 || count > (reader.BaseStream.Length - reader.BaseStream.Position) / sizeof(int))
            throw new InvalidDataException($"the input schema has a vector of {count} dimensions");

        int[] dimensions = new int[count];
        for (int i = 0; i < count; i++)
            dimensions[i] = reader.ReadInt32();
        return count == 0 ? new VectorDataViewType(item) : new VectorDataViewType(item, dimensions);
    }

    private static KeyDataViewType? ReadKey(BinaryReader reader, int depth) =>
        ReadType(reader, depth + 1) is PrimitiveDataViewType item ? new KeyDataViewType(item.RawType, reader.ReadUInt64()) : null;
}
