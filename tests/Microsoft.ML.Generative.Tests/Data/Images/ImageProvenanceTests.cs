using System.Buffers.Binary;
using System.Text;
using System.Xml.Linq;
using Microsoft.ML.Generative.Data.Images;
using SkiaSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What files of generated images say of their source.</summary>
public sealed class ImageProvenanceTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private IDataView Digits => _ml.Generative().Datasets.Digits(2, seed: 1);

    [Fact]
    public void What_was_written_is_read()
    {
        var given = new ImageProvenance { Model = "digits-vae", Seed = -7, Prompt = "a \"7\" & <ü>\n\0👍" };
        foreach (string path in Digits.SaveImages(_folder.Path, "Image", given))
        {
            ImageProvenance read = ImageProvenance.Read(path)!;
            Assert.Equal("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", read.DigitalSourceType);
            Assert.StartsWith("Microsoft.ML.Generative 0.", read.Software);
            Assert.Equal(("digits-vae", -7, "a \"7\" & <ü>\n👍"), (read.Model, read.Seed, read.Prompt));
        }

        string grid = _folder.File("grid.png");
        Digits.SaveImageGrid(grid, columnName: "Image", provenance: new() { DigitalSourceType = "urn:other", Software = "mine" });
        ImageProvenance other = ImageProvenance.Read(grid)!;
        Assert.Equal(("urn:other", "mine"), (other.DigitalSourceType, other.Software));
        Assert.Equal((null, null, null), (other.Model, other.Seed, other.Prompt));
    }

    // By the specifications of PNG and XMP, read without the library.
    [Fact]
    public void The_file_has_the_chunks_that_others_read()
    {
        string path = Digits.SaveImages(_folder.Path, "Image", new() { Model = "digits-vae", Seed = 3, Prompt = "seven" })[0];
        List<(string Type, byte[] Data)> chunks = Chunks(File.ReadAllBytes(path));
        Assert.Equal("IHDR", chunks[0].Type);
        Assert.Equal("IEND", chunks[^1].Type);
        Dictionary<string, string> texts = chunks.Where(c => c.Type == "iTXt").Select(c => Encoding.UTF8.GetString(c.Data))
            .ToDictionary(t => t[..t.IndexOf('\0')], t => t[(t.IndexOf('\0') + 5)..]);
        Assert.Equal(["Model", "Prompt", "Seed", "Software", "XML:com.adobe.xmp"], texts.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("digits-vae", "3", "seven"), (texts["Model"], texts["Seed"], texts["Prompt"]));

        XNamespace iptc = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
        XElement description = XDocument.Parse(texts["XML:com.adobe.xmp"]).Root!.Element(rdf + "RDF")!.Element(rdf + "Description")!;
        Assert.Equal(
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            description.Attribute(iptc + "DigitalSourceType")!.Value);
        Assert.Equal("digits-vae", description.Attribute(iptc + "AISystemUsed")!.Value);
        Assert.Equal("seven", description.Attribute(iptc + "AIPromptInformation")!.Value);
        Assert.Equal(texts["Software"], description.Attribute(iptc + "AISystemVersionUsed")!.Value);
    }

    [Fact]
    public void The_image_is_the_same_with_and_without()
    {
        string plain = Digits.SaveImages(_folder.File("plain"), "Image")[0];
        string marked = Digits.SaveImages(_folder.File("marked"), "Image", new())[0];
        using SKBitmap a = SKBitmap.Decode(plain), b = SKBitmap.Decode(marked);
        Assert.Equal(a.Pixels, b.Pixels);
        Assert.Null(ImageProvenance.Read(plain));
        Assert.NotNull(ImageProvenance.Read(marked));
    }

    // The checksum of the chunk that ends each PNG file, and the check value of CRC-32.
    [Fact]
    public void Checksums_are_those_of_the_specification()
    {
        Assert.Equal(0xAE426082, PngTexts.Crc("IEND"u8));
        Assert.Equal(0xCBF43926, PngTexts.Crc("123456789"u8));
    }

    [Fact]
    public void Damaged_files_are_errors_that_name_them()
    {
        byte[] png = File.ReadAllBytes(Digits.SaveImages(_folder.Path, "Image", new() { Model = "digits" })[0]);
        string path = _folder.File("damaged.png");
        Check([.. "no image"u8], "not a PNG file");
        Check(png[..20], "ends within a chunk");
        Check(png[..^12], "ends within a chunk");
        byte[] changed = [.. png];
        changed[changed.AsSpan().IndexOf("digits"u8)] = (byte)'x';
        Check(changed, "checksum");
        for (int length = 0; length < 200; length++)
            Assert.Throws<InvalidDataException>(() => PngTexts.Read(png.AsSpan(0, length), path));

        void Check(byte[] bytes, string expected)
        {
            File.WriteAllBytes(path, bytes);
            string message = Assert.Throws<InvalidDataException>(() => ImageProvenance.Read(path)).Message;
            Assert.Contains(expected, message);
            Assert.Contains(path, message);
        }
    }

    private static List<(string Type, byte[] Data)> Chunks(ReadOnlySpan<byte> png)
    {
        List<(string, byte[])> chunks = [];
        for (ReadOnlySpan<byte> rest = png[8..]; rest.Length > 0;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(rest);
            chunks.Add((Encoding.ASCII.GetString(rest.Slice(4, 4)), rest.Slice(8, length).ToArray()));
            rest = rest[(12 + length)..];
        }

        return chunks;
    }
}
