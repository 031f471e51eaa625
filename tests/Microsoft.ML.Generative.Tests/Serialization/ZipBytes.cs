using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Model files taken apart and put together again.</summary>
internal static class ZipBytes
{
    public static List<(string Name, byte[] Data)> Entries(byte[] zip)
    {
        using var archive = new ZipArchive(new MemoryStream(zip));
        return [.. archive.Entries.Select(e =>
        {
            using Stream stream = e.Open();
            var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            return (e.FullName, bytes.ToArray());
        })];
    }

    public static byte[] Of(IEnumerable<(string Name, byte[] Data)> entries)
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, data) in entries)
            {
                using Stream entry = archive.CreateEntry(name, CompressionLevel.Optimal).Open();
                entry.Write(data);
            }
        }

        return stream.ToArray();
    }

    public static byte[] With(byte[] zip, string name, Func<byte[], byte[]> change) =>
        Of(Entries(zip).Select(e => e.Name == name ? (e.Name, change(e.Data)) : e));

    /// <summary>The archive with another uncompressed size noted for an entry, in the directory and at the entry.</summary>
    public static byte[] WithDeclaredSize(byte[] zip, string name, uint size)
    {
        byte[] result = [.. zip];
        byte[] path = Encoding.ASCII.GetBytes(name);
        for (int at = 0; (at = IndexOf(result, path, at)) >= 0; at += path.Length)
        {
            if (at >= 46 && result.AsSpan(at - 46, 4).SequenceEqual("PK\u0001\u0002"u8))
                BinaryPrimitives.WriteUInt32LittleEndian(result.AsSpan(at - 46 + 24), size);
            else if (at >= 30 && result.AsSpan(at - 30, 4).SequenceEqual("PK\u0003\u0004"u8))
                BinaryPrimitives.WriteUInt32LittleEndian(result.AsSpan(at - 30 + 22), size);
        }

        return result;
    }

    /// <summary>A model header as ML.NET lays it out, with this loader and this assembly's name, around the model's own bytes.</summary>
    public static byte[] ModelKey(string loader, string assembly, params byte[] model)
    {
        byte[] name = Encoding.Unicode.GetBytes(assembly);
        byte[] key = new byte[256 + model.Length + name.Length + 8];
        Span<byte> k = key;
        "ML\0MODEL"u8.CopyTo(k);
        BinaryPrimitives.WriteUInt32LittleEndian(k[8..], 0x00010002);
        BinaryPrimitives.WriteUInt32LittleEndian(k[12..], 0x00010002);
        BinaryPrimitives.WriteInt64LittleEndian(k[16..], 256);
        BinaryPrimitives.WriteInt64LittleEndian(k[24..], model.Length);
        "SOMETHNG"u8.CopyTo(k[64..]);
        BinaryPrimitives.WriteUInt32LittleEndian(k[72..], 0x00010001);
        BinaryPrimitives.WriteUInt32LittleEndian(k[76..], 0x00010001);
        Encoding.ASCII.GetBytes(loader).CopyTo(k[80..]);
        BinaryPrimitives.WriteInt64LittleEndian(k[128..], 256 + model.Length + name.Length);
        BinaryPrimitives.WriteInt64LittleEndian(k[136..], key.Length);
        BinaryPrimitives.WriteInt64LittleEndian(k[144..], 256 + model.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(k[152..], (uint)name.Length);
        model.CopyTo(k[256..]);
        name.CopyTo(k[(256 + model.Length)..]);
        "LEDOM\0LM"u8.CopyTo(k[^8..]);
        return key;
    }

    private static int IndexOf(byte[] bytes, byte[] part, int start)
    {
        int at = bytes.AsSpan(start).IndexOf(part);
        return at < 0 ? -1 : start + at;
    }
}
