using System.Buffers.Binary;
using Google.Protobuf;
using Tensorboard;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Reads event files without the library: records by hand, a checksum bit by bit, messages with TorchSharp's protocol-buffer classes.
/// </summary>
internal static class EventFileReader
{
    public static List<Event> Read(string folder) =>
        [.. Directory.GetFiles(folder, "events.out.tfevents.*").Order(StringComparer.Ordinal).SelectMany(ReadFile)];

    public static List<Event> ReadFile(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        var events = new List<Event>();
        for (int at = 0; at < bytes.Length;)
        {
            int length = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at)));
            Assert.Equal(Masked(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            Assert.Equal(Masked(bytes.AsSpan(at + 12, length)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            events.Add(Event.Parser.ParseFrom(new CodedInputStream(bytes, at + 12, length)));
            at += 12 + length + 4;
        }

        return events;
    }

    /// <summary>The values of a name by their steps, in the order of the file.</summary>
    public static (long Step, float Value)[] Scalars(this List<Event> events, string name) =>
        [.. events.Where(e => e.Summary is not null)
            .SelectMany(e => e.Summary.Value.Where(v => v.Tag == name).Select(v => (e.Step, v.SimpleValue)))];

    public static (long Step, Summary.Types.Image Image)[] Images(this List<Event> events, string name) =>
        [.. events.Where(e => e.Summary is not null)
            .SelectMany(e => e.Summary.Value.Where(v => v.Tag == name).Select(v => (e.Step, v.Image)))];

    // Castagnoli's polynomial, reflected.
    public static uint Crc(ReadOnlySpan<byte> data)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
        }

        return ~crc;
    }

    private static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = Crc(data);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8);
    }
}
