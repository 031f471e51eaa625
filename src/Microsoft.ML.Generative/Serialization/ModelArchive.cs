using System.Buffers.Binary;
using System.IO.Compression;
using System.Reflection;
using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// Looks through a model file before ML.NET loads it, for what ML.NET does without asking: it loads whatever assembly a file names, calls
/// whatever registered loader it names, unpacks what it claims to hold, and follows chains in chains.
/// </summary>
internal sealed class ModelArchive
{
    private const int MaxEntries = 10_000;
    private const int MaxNameLength = 260;
    private const int MaxDepth = 16;
    private const int MaxSchemaBytes = 1 << 22;
    private const int MaxAssemblyNameBytes = 2048;

    // Weights hardly shrink; what shrinks more than this, beyond the first part, was made to.
    private const long FreeBytes = 1 << 24;
    private const long MaxRatio = 100;

    // The layout of ML.NET's ModelHeader.
    private const int HeaderBytes = 256;
    private const ulong HeaderSignature = 0x4C45444F4D004C4D;
    private const int ModelBytesAt = 0x18;
    private const int LoaderAt = 0x50;
    private const int OtherLoaderAt = 0x68;
    private const int LoaderBytes = 24;
    private const int AssemblyNamePlaceAt = 0x90;
    private const int AssemblyNameBytesAt = 0x98;

    private const string ModelEntry = "Model.key";
    private const string SchemaEntry = "Schema";
    private const string ChainLoader = "TransformerChain";
    private const string ColumnSelector = "SelectColumnsTransform";

    /// <summary>Where ML.NET keeps a transformer in a model file, named as a chain even if it is a single one.</summary>
    public const string ModelFolder = ChainLoader;

    // Of ML.NET's loaders, those of images and columns: they read little more than columns' names. Others read arrays of any length that
    // the file claims, in a loop that does not end with the file, or make objects of classes that it names.
    private static readonly HashSet<string> _loaders = new(
        [
            ChainLoader, "CopyTransform", "ConcatTransform", ColumnSelector, "ConvertTransform", "ImageLoaderTransform",
                "ImageScalerTransform",
            "ImagePixelExtractor", "ImageGrayscaleTransform", "VectorToImageConverter",
        ],
        StringComparer.OrdinalIgnoreCase);

    private static readonly Dictionary<string, Assembly> _assemblies = new[]
    {
        typeof(ModelArchive).Assembly, typeof(ITransformer).Assembly, typeof(TransformerChain<>).Assembly,
        typeof(FeatureSelectionCatalog).Assembly, typeof(ImageLoadingTransformer).Assembly,
    }.Distinct().ToDictionary(a => a.GetName().Name!, StringComparer.OrdinalIgnoreCase);

    private readonly IHostEnvironment _env;
    private readonly string _source;
    private readonly ZipArchive _archive;

    private ModelArchive(IHostEnvironment env, string source, ZipArchive archive)
    {
        _env = env;
        _source = source;
        _archive = archive;
    }

    /// <summary>
    /// Throws unless ML.NET can be let at the file, and returns its input schema if it has one. The stream stands at its beginning before
    /// and after.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is no model, or one that asks for what it should not.</exception>
    public static DataViewSchema? Check(IHostEnvironment env, string source, Stream stream)
    {
        try
        {
            using ZipArchive archive = Open(source, stream);
            DataViewSchema? schema = new ModelArchive(env, source, archive).Check(stream.Length);
            stream.Position = 0;
            return schema;
        }
        catch (Exception e)
            when (e is EndOfStreamException
                or InvalidDataException or FormatException or NotSupportedException or ArgumentException or OverflowException
            && !e.Message.StartsWith(Problem(source), StringComparison.Ordinal))
        {
            throw new InvalidDataException(Problem(source) + e.Message, e);
        }
    }

    // What is said of archives that are none is about the format's records, which nobody knows who has copied a file.
    private static ZipArchive Open(string source, Stream stream)
    {
        ZipArchive? archive = null;
        try
        {
            archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            _ = archive.Entries;
            return archive;
        }
        catch (InvalidDataException e)
        {
            archive?.Dispose();
            byte[] start = new byte[4];
            stream.Position = 0;
            int found = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            string problem = found == 0 ? "it is empty"
                : start.AsSpan().SequenceEqual("PK\x03\x04"u8)
                ? $"it is a zip archive whose end is missing or damaged (there are {stream.Length} bytes), as after a copy or download "
                    + "that broke off"
                : "it is not a zip archive, which is what mlContext.Model.Save writes";
            throw new InvalidDataException(
                $"{Problem(source)}{problem}. Get the file again from where it comes from, or save the model again.", e);
        }
    }

    private DataViewSchema? Check(long length)
    {
        if (_archive.Entries.Count > MaxEntries)
            throw Bad($"it has {_archive.Entries.Count} entries where at most {MaxEntries} were expected");

        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (ZipArchiveEntry entry in _archive.Entries)
        {
            // ML.NET takes both separators for the same.
            string name = entry.FullName.Replace('\\', '/');
            if (!IsPlainPath(name))
                throw Bad($"its entry {Quoted.Text(name)} is not named as in a model file");
            if (!names.Add(name))
                throw Bad($"it has two entries named {Quoted.Text(name)}");
        }

        long allowed = checked(FreeBytes + MaxRatio * length);
        long claimed = 0;
        foreach (ZipArchiveEntry entry in _archive.Entries)
        {
            if (entry.Length < 0 || entry.Length > allowed - claimed)
                throw Bad($"its entries claim more than the {allowed} bytes that its {length} bytes can be expected to hold");
            claimed += entry.Length;
        }

        // Without this entry ML.NET tries formats of the past.
        if (!_archive.Entries.Any(e => e.FullName.Replace('\\', '/') == $"{ChainLoader}/{ModelEntry}"))
            throw Bad($"it has no entry '{ChainLoader}/{ModelEntry}'");
        foreach (ZipArchiveEntry entry in _archive.Entries)
            CheckEntry(entry);
        return _archive.GetEntry(SchemaEntry) is { } input ? ReadSchema(input) : null;
    }

    private void CheckEntry(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        byte[] header = new byte[HeaderBytes];
        int found = stream.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        bool isHeader = found >= sizeof(ulong) && BinaryPrimitives.ReadUInt64LittleEndian(header) == HeaderSignature;
        bool isModel = string.Equals(entry.Name, ModelEntry, StringComparison.OrdinalIgnoreCase);
        if (isModel != isHeader || (isHeader && found < HeaderBytes))
        {
            throw Bad(
                $"its entry {Quoted.Text(entry.FullName)} "
                + $"{(isHeader ? "is a model under another name or cut off" : "has no model header")}");
        }

        if (isHeader)
            CheckHeader(entry, header, stream);
    }

    private void CheckHeader(ZipArchiveEntry entry, byte[] header, Stream rest)
    {
        // Nearly all of ML.NET's models begin with how many of something there are, and make an array of that length.
        if (BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(ModelBytesAt)) >= sizeof(int))
        {
            int count = BinaryPrimitives.ReadInt32LittleEndian(Read(rest, sizeof(int)));
            bool isChain = IsLoader(header, LoaderAt, ChainLoader) || IsLoader(header, OtherLoaderAt, ChainLoader);
            long most = isChain ? _archive.Entries.Count : entry.Length;
            if ((count < 0 || count > most) && !IsLoader(header, LoaderAt, ColumnSelector))
                throw Bad($"its entry {Quoted.Text(entry.FullName)} begins with a count of {count} where 0 to {most} were expected");
        }

        long place = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(AssemblyNamePlaceAt));
        if (place != 0)
        {
            uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(AssemblyNameBytesAt));
            if (place < HeaderBytes || place > entry.Length || bytes > MaxAssemblyNameBytes)
                throw Bad($"its entry {Quoted.Text(entry.FullName)} has {bytes} bytes of an assembly's name at byte {place}");
            CheckAssembly(entry, Encoding.Unicode.GetString(ReadAt(entry, place, (int)bytes)));
        }

        CheckLoader(entry, Loader(header, LoaderAt));
        CheckLoader(entry, Loader(header, OtherLoaderAt));
    }

    // Nothing is loaded by a name from the file: the name is looked up among assemblies that are there.
    private void CheckAssembly(ZipArchiveEntry entry, string fullName)
    {
        string name;
        try
        {
            name = fullName.Length == 0 ? "" : new AssemblyName(fullName).Name ?? "";
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw Bad($"its entry {Quoted.Text(entry.FullName)} names the assembly {Quoted.Text(fullName)}, which is no assembly's name");
        }

        if (fullName.Length == 0)
            return;
        if (!_assemblies.TryGetValue(name, out Assembly? assembly))
            throw Bad(
                $"its entry {Quoted.Text(entry.FullName)} wants the assembly {Quoted.Text(name)} loaded; allowed are "
                + $"{string.Join(", ", _assemblies.Keys.Order(StringComparer.Ordinal))}. " +
                "If you trust the file, load it with mlContext.Model.Load");
        _env.ComponentCatalog.RegisterAssembly(assembly);
    }

    private void CheckLoader(ZipArchiveEntry entry, string loader)
    {
        bool isKnown = string.IsNullOrEmpty(loader) || _loaders.Contains(loader)
            || _env.ComponentCatalog.GetLoadableClassInfo<SignatureLoadModel>(loader)?.LoaderType.Assembly == typeof(ModelArchive).Assembly;
        if (!isKnown)
        {
            throw Bad(
                $"its entry {Quoted.Text(entry.FullName)} wants the loader {Quoted.Text(loader)}, which is not among those for files from "
                + "untrusted sources. If you trust the file, load it with mlContext.Model.Load");
        }
    }

    private DataViewSchema ReadSchema(ZipArchiveEntry entry)
    {
        if (entry.Length > MaxSchemaBytes)
            throw Bad($"its entry '{SchemaEntry}' has {entry.Length} bytes where at most {MaxSchemaBytes} were expected");
        using Stream stream = entry.Open();
        return InputSchemaReader.Read(Read(stream, (int)entry.Length));
    }

    private static bool IsPlainPath(string name) =>
        name.Length is > 0 and <= MaxNameLength
        && name.IndexOf(':', StringComparison.Ordinal) < 0
        && !name.Any(char.IsControl)
        && name.TrimEnd('/').Split('/') is { Length: <= MaxDepth } parts
        && parts.All(part => part.Length > 0 && !part.Contains("..", StringComparison.Ordinal) && part != ".");

    private static bool IsLoader(byte[] header, int at, string name) => Loader(header, at).Equals(name, StringComparison.OrdinalIgnoreCase);

    private static string Loader(byte[] header, int at) => Encoding.Latin1.GetString(header, at, LoaderBytes).TrimEnd('\0');

    private static byte[] Read(Stream stream, int count)
    {
        byte[] bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static byte[] ReadAt(ZipArchiveEntry entry, long place, int count)
    {
        using Stream stream = entry.Open();
        Span<byte> buffer = stackalloc byte[4096];
        while (place > 0)
        {
            int part = (int)Math.Min(place, buffer.Length);
            stream.ReadExactly(buffer[..part]);
            place -= part;
        }

        return Read(stream, count);
    }

    private static string Problem(string source) => $"'{source}' is not a usable model file: ";

    private InvalidDataException Bad(string problem) => new($"{Problem(_source)}{problem}.");
}
