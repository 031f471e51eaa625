using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The published layout of safetensors, put together and taken apart without the library.</summary>
internal static class SafetensorsBytes
{
    public static byte[] Of(string json, params byte[] data) => Of(Encoding.UTF8.GetBytes(json), data);

    public static byte[] Of(byte[] json, byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)json.Length);
        return [.. length, .. json, .. data];
    }

    /// <summary>One tensor of each type, in the order of the data.</summary>
    public static byte[] OfEveryType() => Of(
        """
        {"__metadata__":{"format":"pt"},
         "f64":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},
         "i64":{"dtype":"I64","shape":[],"data_offsets":[8,16]},
         "f32":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]},
         "i32":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},
         "f16":{"dtype":"F16","shape":[2],"data_offsets":[28,32]},
         "bf16":{"dtype":"BF16","shape":[2],"data_offsets":[32,36]},
         "i16":{"dtype":"I16","shape":[1],"data_offsets":[36,38]},
         "i8":{"dtype":"I8","shape":[2],"data_offsets":[38,40]},
         "u8":{"dtype":"U8","shape":[2],"data_offsets":[40,42]},
         "bool":{"dtype":"BOOL","shape":[2],"data_offsets":[42,44]},
         "empty":{"dtype":"F32","shape":[3,0],"data_offsets":[44,44]}}
        """,
        [
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0xC0, // -2.5
            0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, // -2
            0x00, 0x00, 0xC0, 0x3F, 0x00, 0x00, 0x80, 0xBF, // 1.5, -1
            0x00, 0x00, 0x01, 0x00, // 65536
            0x00, 0x3E, 0x00, 0xC0, // 1.5, -2
            0xC0, 0x3F, 0x00, 0xC0, // 1.5, -2
            0x00, 0x80, // -32768
            0xFF, 0x7F, // -1, 127
            0xFF, 0x00, // 255, 0
            0x01, 0x00, // true, false
        ]);

    public static Dictionary<string, (string Type, long[] Shape, byte[] Data)> Parse(byte[] file, out JsonElement header)
    {
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        using JsonDocument document = JsonDocument.Parse(file.AsMemory(8, length));
        header = document.RootElement.Clone();
        byte[] data = file[(8 + length)..];
        return header.EnumerateObject().Where(p => p.Name != "__metadata__").ToDictionary(
            p => p.Name,
            p =>
            {
                int[] offsets = [.. p.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt32())];
                return (
                    p.Value.GetProperty("dtype").GetString()!,
                    p.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()).ToArray(), data[offsets[0]..offsets[1]]);
            });
    }

    /// <summary>A stream that can be read forwards only, a few bytes at a time, as a decompressor's.</summary>
    public static Stream Forward(byte[] bytes) => new ForwardStream(bytes);

    private sealed class ForwardStream(byte[] bytes) : MemoryStream(bytes, writable: false)
    {
        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 7)]);

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, 7));

        public override long Seek(long offset, SeekOrigin loc) => throw new NotSupportedException();
    }
}
