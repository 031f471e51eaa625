using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Generative.Common;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>
/// The header of a safetensors file: eight bytes of length, little-endian, then JSON that maps names to type, shape and place.
/// Nothing is allocated by what the file claims before the claim is checked against the file's length.
/// Format: https://huggingface.co/docs/safetensors.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The format's own limit on the JSON.</summary>
    public const int MaxJsonBytes = 100_000_000;

    public const int PrefixBytes = 8;

    // How much of a header is allocated at a time where the length of the stream is unknown.
    private const int FirstBuffer = 1 << 16;

    private readonly Dictionary<string, SafetensorsInfo> _byName;

    internal SafetensorsHeader(string source, List<SafetensorsInfo> tensors, IReadOnlyDictionary<string, string> metadata, long dataStart)
    {
        Source = source;
        Metadata = metadata;
        DataStart = dataStart;
        // The sort is stable: empty tensors share their place with what follows.
        Tensors = [.. tensors.OrderBy(t => t.Begin).ThenBy(t => t.End)];
        _byName = Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    public string Source { get; }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsInfo> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The place of the first data byte, counted from the start of the file.</summary>
    public long DataStart { get; }

    public IReadOnlyDictionary<string, SafetensorsInfo> ByName => _byName;

    public long DataLength => Tensors.Count == 0 ? 0 : Tensors[^1].End;

    public bool TryFind(string name, [NotNullWhen(true)] out SafetensorsInfo? info) => _byName.TryGetValue(name, out info);

    /// <exception cref="InvalidDataException">There is no such tensor.</exception>
    public SafetensorsInfo Find(string name) => TryFind(name, out SafetensorsInfo? info)
        ? info
        : throw Bad(Source, $"it has no tensor {Quoted.Text(name)} among its {Tensors.Count}");

    /// <summary>Throws unless the tensor is there and has the destination's type and shape.</summary>
    /// <exception cref="InvalidDataException">The tensor is missing or differs.</exception>
    public SafetensorsInfo FindFor(string name, torch.Tensor destination)
    {
        SafetensorsInfo info = Find(name);
        return info.Fits(destination)
            ? info
            : throw Bad(
                Source,
                $"tensor {Quoted.Text(name)} is {info.Describe()}; {SafetensorsTypes.Describe(destination.dtype, destination.shape)} was "
                + "expected");
    }

    /// <summary>All tensors in the order of their data with their destinations, null for those without one.</summary>
    /// <exception cref="InvalidDataException">A destination's tensor is missing or differs in type or shape.</exception>
    public IReadOnlyList<(SafetensorsInfo Info, torch.Tensor? Destination)> Match(IReadOnlyDictionary<string, torch.Tensor> destinations)
    {
        foreach (var (name, tensor) in destinations)
            FindFor(name, tensor);
        return [.. Tensors.Select(t => (t, destinations.GetValueOrDefault(t.Name)))];
    }

    /// <summary>Reads a header and leaves the stream at the first data byte.</summary>
    /// <param name="stream">Stands at the first byte of the file.</param>
    /// <param name="source">The file as error messages shall name it.</param>
    /// <param name="fileLength">
    /// The bytes of the whole file, or null if they are not known; then the end of the data is not checked here.
    /// </param>
    /// <exception cref="InvalidDataException">The header is not valid.</exception>
    public static SafetensorsHeader Read(Stream stream, string source, long? fileLength)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        int found = stream.ReadAtLeast(prefix, PrefixBytes, throwOnEndOfStream: false);
        int length = JsonLength(prefix[..found], source, fileLength);
        byte[] json = ReadJson(stream, source, length, trusted: fileLength is not null);
        return Parse(json, source, fileLength);
    }

    /// <summary>Reads the header at the start of the bytes, which may be the file or its beginning.</summary>
    /// <exception cref="InvalidDataException">The header is not valid.</exception>
    public static SafetensorsHeader Read(ReadOnlySpan<byte> bytes, string source, long fileLength)
    {
        int length = JsonLength(bytes, source, Math.Min(fileLength, bytes.Length));
        return Parse(bytes.Slice(PrefixBytes, length), source, fileLength);
    }

    internal static InvalidDataException Bad(string source, string problem, Exception? inner = null) =>
        new($"'{source}' is not a usable safetensors file: {problem}.", inner);

    /// <summary>Throws if bytes of a tensor's data are no values of its type; only BOOL has such.</summary>
    /// <exception cref="InvalidDataException">A BOOL is neither 0 nor 1, with which libtorch's operations are not defined.</exception>
    internal void CheckData(SafetensorsInfo info, ReadOnlySpan<byte> bytes)
    {
        if (info.Type == torch.ScalarType.Bool && bytes.IndexOfAnyExceptInRange((byte)0, (byte)1) is >= 0 and int at)
            throw Bad(Source, $"tensor {Quoted.Text(info.Name)} of type BOOL has a byte {bytes[at]} where 0 or 1 was expected");
    }

    private static SafetensorsHeader Parse(ReadOnlySpan<byte> json, string source, long? fileLength)
    {
        var header = new SafetensorsHeaderParser(json, source).Parse();
        header.CheckPlaces(fileLength - header.DataStart);
        return header;
    }

    private static int JsonLength(ReadOnlySpan<byte> prefix, string source, long? available)
    {
        if (prefix.Length < PrefixBytes)
            throw Bad(source, $"it has {prefix.Length} bytes where at least {PrefixBytes} were expected");

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length is < 2 or > MaxJsonBytes)
            throw Bad(source, $"its header claims {length} bytes where 2 to {MaxJsonBytes} were expected");
        if (available is { } bytes && (long)length > bytes - PrefixBytes)
        {
            throw Bad(
                source,
                $"its header claims {length} bytes where the file has {bytes - PrefixBytes} left: it is cut off or not of this format");
        }

        return (int)length;
    }

    private static byte[] ReadJson(Stream stream, string source, int length, bool trusted)
    {
        byte[] json = new byte[trusted ? length : Math.Min(length, FirstBuffer)];
        int filled = 0;
        while (true)
        {
            filled += stream.ReadAtLeast(json.AsSpan(filled), json.Length - filled, throwOnEndOfStream: false);
            if (filled < json.Length)
                throw Bad(source, $"it ends after {filled} of the {length} bytes of its header");
            if (filled == length)
                return json;
            Array.Resize(ref json, (int)Math.Min(length, 2L * json.Length));
        }
    }

    private void CheckPlaces(long? dataLength)
    {
        long end = 0;
        string? before = null;
        foreach (SafetensorsInfo tensor in Tensors)
        {
            if (tensor.End > dataLength)
            {
                throw Bad(
                    Source,
                    $"the data of tensor {Quoted.Text(tensor.Name)} ends at byte {tensor.End} where the file has {dataLength} bytes of "
                    + "data: it is cut off");
            }

            if (tensor.Begin < end)
            {
                throw Bad(
                    Source,
                    $"the data of tensor {Quoted.Text(tensor.Name)} begins at byte {tensor.Begin} and overlaps that of "
                    + $"{Quoted.Text(before!)}, which ends at {end}");
            }

            if (tensor.Begin > end)
            {
                throw Bad(
                    Source,
                    $"the bytes {end} to {tensor.Begin} of the data, before tensor {Quoted.Text(tensor.Name)}, belong to no tensor");
            }

            end = tensor.End;
            before = tensor.Name;
        }

        if (dataLength is { } length && end != length)
            throw Bad(Source, $"its tensors cover {end} bytes of data where the file has {length}");
    }
}
