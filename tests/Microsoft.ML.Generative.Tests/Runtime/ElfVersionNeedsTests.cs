using System.Buffers.Binary;
using System.Text;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Tests;

public sealed class ElfVersionNeedsTests
{
    [Fact]
    public void Only_the_named_version_becomes_weak()
    {
        byte[] image = SharedObjectThatNeeds("GLIBCXX_3.4.30", "GLIBCXX_3.4.32");
        byte[] before = [.. image];

        Assert.True(ElfVersionNeeds.TryMakeWeak(image, "GLIBCXX_3.4.32"));

        int[] changed = [.. Enumerable.Range(0, image.Length).Where(i => image[i] != before[i])];
        Assert.Equal([VersionNeeds + 16 + 16 + 4], changed);
        Assert.Equal(2, image[changed[0]]);
    }

    [Fact]
    public void A_file_that_does_not_name_the_version_is_left_alone()
    {
        byte[] image = SharedObjectThatNeeds("GLIBCXX_3.4.30");
        byte[] before = [.. image];
        Assert.False(ElfVersionNeeds.TryMakeWeak(image, "GLIBCXX_3.4.32"));
        Assert.Equal(before, image);
    }

    [Fact]
    public void Every_truncation_of_a_file_is_refused_without_an_exception()
    {
        byte[] image = SharedObjectThatNeeds("GLIBCXX_3.4.32");
        for (int length = 0; length < VersionNeeds + 32; length++)
            Assert.False(ElfVersionNeeds.TryMakeWeak(image.AsSpan(0, length), "GLIBCXX_3.4.32"));
    }

    private const int Sections = 0x40;
    private const int VersionNeeds = Sections + 2 * 0x40;

    // An ELF header, two section headers (0: names, 1: version needs), one Verneed with a Vernaux a version, and the names.
    private static byte[] SharedObjectThatNeeds(params string[] versions)
    {
        int needsSize = 16 + 16 * versions.Length;
        byte[] names = Encoding.ASCII.GetBytes("\0" + string.Join('\0', versions) + "\0");
        byte[] image = new byte[VersionNeeds + needsSize + names.Length];
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1]).CopyTo(image);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(0x28), Sections);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x3a), 0x40);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x3c), 2);

        WriteSection(image.AsSpan(Sections), type: 3, VersionNeeds + needsSize, names.Length);
        WriteSection(image.AsSpan(Sections + 0x40), type: 0x6ffffffe, VersionNeeds, needsSize);

        Span<byte> needs = image.AsSpan(VersionNeeds);
        BinaryPrimitives.WriteUInt16LittleEndian(needs, 1);
        BinaryPrimitives.WriteUInt16LittleEndian(needs[2..], (ushort)versions.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(needs[8..], 16);
        for (int i = 0, name = 1; i < versions.Length; name += versions[i++].Length + 1)
        {
            Span<byte> entry = needs[(16 + 16 * i)..];
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], name);
            BinaryPrimitives.WriteInt32LittleEndian(entry[12..], i + 1 < versions.Length ? 16 : 0);
        }

        names.CopyTo(image.AsSpan(VersionNeeds + needsSize));
        return image;
    }

    private static void WriteSection(Span<byte> header, uint type, int offset, int size)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[0x18..], (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[0x20..], (ulong)size);
    }
}
