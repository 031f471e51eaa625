using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>Writes safetensors files. The same tensors give the same bytes, whatever order they come in.</summary>
internal static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>Writes tensors of any layout, device and size; at most one small piece of a tensor is copied at a time.</summary>
    /// <exception cref="ArgumentException">
    /// Two tensors have one name, a name is reserved, a tensor is of a type that the format lacks or sparse, or the header outgrows the
    /// format's limit. Nothing has been written then.
    /// </exception>
    public static void Write(
        Stream stream, IEnumerable<(string Name, torch.Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        TorchRuntime.EnsureLoaded();
        var ordered = Order(tensors);
        stream.Write(Header(ordered, metadata));
        foreach (var (_, tensor) in ordered)
            TensorPieces.Write(tensor, stream.Write);
    }

    /// <summary>Writes a file that appears under its name only when it is complete and on the disk.</summary>
    /// <inheritdoc cref="Write" path="/exception"/>
    public static void WriteFile(
        string path, IEnumerable<(string Name, torch.Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    // Wide elements first keeps every tensor aligned to its element, so that a mapped file can be used in place.
    private static (string Name, torch.Tensor Tensor)[] Order(IEnumerable<(string Name, torch.Tensor Tensor)> tensors) =>
        [.. Check(tensors).OrderByDescending(t => SafetensorsTypes.SizeOf(t.Tensor.dtype)).ThenBy(t => t.Name, StringComparer.Ordinal)];

    /// <summary>The tensors, if all can be written to one file.</summary>
    /// <inheritdoc cref="Write" path="/exception"/>
    internal static (string Name, torch.Tensor Tensor)[] Check(IEnumerable<(string Name, torch.Tensor Tensor)> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { SafetensorsHeaderParser.MetadataKey };
        (string Name, torch.Tensor Tensor)[] all = [.. tensors];
        foreach (var (name, tensor) in all)
        {
            if (!names.Add(name))
            {
                throw new ArgumentException(
                    name == SafetensorsHeaderParser.MetadataKey
                    ? $"The name '{name}' is reserved in safetensors."
                    : $"Two tensors are named '{name}'.", nameof(tensors));
            }

            if (SafetensorsTypes.NameOf(tensor.dtype) is null)
            {
                throw new ArgumentException(
                    $"Tensor '{name}' is of type {tensor.dtype}; safetensors files hold {SafetensorsTypes.Known}.", nameof(tensors));
            }

            if (tensor.is_sparse)
                throw new ArgumentException($"Tensor '{name}' is sparse; safetensors files hold dense tensors.", nameof(tensors));
        }

        return all;
    }

    private static ReadOnlySpan<byte> Header((string Name, torch.Tensor Tensor)[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write(stackalloc byte[SafetensorsHeader.PrefixBytes]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata);
            WriteTensors(json, tensors);
            json.WriteEndObject();
        }

        buffer.Write("       "u8[..(-buffer.WrittenCount & (Alignment - 1))]);
        byte[] header = buffer.WrittenSpan.ToArray();
        int length = header.Length - SafetensorsHeader.PrefixBytes;
        if (length > SafetensorsHeader.MaxJsonBytes)
        {
            throw new ArgumentException(
                $"The names of {tensors.Length} tensors and the metadata make a header of {length} bytes; the format's limit is "
                + $"{SafetensorsHeader.MaxJsonBytes}.", nameof(tensors));
        }

        BinaryPrimitives.WriteInt64LittleEndian(header, length);
        return header;
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is not { Count: > 0 })
            return;

        json.WriteStartObject(SafetensorsHeaderParser.MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(p => p.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteTensors(Utf8JsonWriter json, (string Name, torch.Tensor Tensor)[] tensors)
    {
        long begin = 0;
        foreach (var (name, tensor) in tensors)
        {
            long end = begin + tensor.NumberOfElements * SafetensorsTypes.SizeOf(tensor.dtype);
            json.WriteStartObject(name);
            json.WriteString("dtype", SafetensorsTypes.NameOf(tensor.dtype));
            WriteNumbers(json, "shape", tensor.shape);
            WriteNumbers(json, "data_offsets", [begin, end]);
            json.WriteEndObject();
            begin = end;
        }
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
