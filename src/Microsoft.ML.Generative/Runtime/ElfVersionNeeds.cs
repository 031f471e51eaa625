using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>The symbol versions that an ELF shared object asks of its libraries (System V gABI, section <c>.gnu.version_r</c>).</summary>
internal static class ElfVersionNeeds
{
    private const uint SectionTypeVersionNeeds = 0x6ffffffe;
    private const ushort WeakFlag = 0x2;

    /// <summary>
    /// Marks one needed version as weak, so that the loader warns instead of refusing when the library lacks it.
    /// </summary>
    /// <param name="image">The file's bytes, changed in place.</param>
    /// <param name="version">The version's name, such as <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns><see langword="true"/> if the file is a 64-bit little-endian ELF file that names the version.</returns>
    public static bool TryMakeWeak(Span<byte> image, string version)
    {
        try
        {
            return MakeWeak(image, version);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
        {
            return false;
        }
    }

    private static bool MakeWeak(Span<byte> image, string version)
    {
        ReadOnlySpan<byte> elf64LittleEndian = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1];
        if (!image.StartsWith(elf64LittleEndian))
            return false;

        int sections = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(image[0x28..]));
        int sectionSize = BinaryPrimitives.ReadUInt16LittleEndian(image[0x3a..]);
        int sectionCount = BinaryPrimitives.ReadUInt16LittleEndian(image[0x3c..]);

        for (int i = 0; i < sectionCount; i++)
        {
            Span<byte> header = image.Slice(sections + i * sectionSize, sectionSize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) != SectionTypeVersionNeeds)
                continue;

            int linked = BinaryPrimitives.ReadInt32LittleEndian(header[0x28..]);
            ReadOnlySpan<byte> names = Content(image, image.Slice(sections + linked * sectionSize, sectionSize));
            if (MarkWeak(Content(image, header), names, Encoding.ASCII.GetBytes(version)))
                return true;
        }

        return false;
    }

    private static Span<byte> Content(Span<byte> image, ReadOnlySpan<byte> sectionHeader) => image.Slice(
        checked((int)BinaryPrimitives.ReadUInt64LittleEndian(sectionHeader[0x18..])),
        checked((int)BinaryPrimitives.ReadUInt64LittleEndian(sectionHeader[0x20..])));

    // Verneed: u16 version, u16 count, u32 file, u32 aux, u32 next. Vernaux: u32 hash, u16 flags, u16 other, u32 name, u32 next.
    private static bool MarkWeak(Span<byte> needs, ReadOnlySpan<byte> names, ReadOnlySpan<byte> version)
    {
        for (int need = 0; ;)
        {
            int count = BinaryPrimitives.ReadUInt16LittleEndian(needs[(need + 2)..]);
            int entry = need + BinaryPrimitives.ReadInt32LittleEndian(needs[(need + 8)..]);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> name = names[BinaryPrimitives.ReadInt32LittleEndian(needs[(entry + 8)..])..];
                if (name[..name.IndexOf((byte)0)].SequenceEqual(version))
                {
                    Span<byte> flags = needs[(entry + 4)..];
                    BinaryPrimitives.WriteUInt16LittleEndian(
                        flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | WeakFlag));
                    return true;
                }

                entry += BinaryPrimitives.ReadInt32LittleEndian(needs[(entry + 12)..]);
            }

            int next = BinaryPrimitives.ReadInt32LittleEndian(needs[(need + 12)..]);
            if (next <= 0)
                return false;
            need += next;
        }
    }
}
