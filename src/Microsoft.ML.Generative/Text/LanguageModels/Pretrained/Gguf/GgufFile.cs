using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>
/// A GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3: metadata, and tensors that are read row by
/// row. That every tensor is within the file is known before one is read.
/// </summary>
internal sealed class GgufFile : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly FileStream _stream;
    private readonly SafeFileHandle _handle;

    private GgufFile(string path, FileStream stream, GgufHeader header)
    {
        (Path, _stream, _handle) = (path, stream, stream.SafeFileHandle);
        (Metadata, Tensors) = (header.Metadata, header.Tensors);
    }

    public string Path { get; }

    public GgufMetadata Metadata { get; }

    public IReadOnlyDictionary<string, GgufTensor> Tensors { get; }

    /// <summary>Whether a file begins as GGUF files do.</summary>
    public static bool IsOne(string path)
    {
        if (RegularFile.LengthOf(path) < sizeof(uint))
            return false;
        Span<byte> start = stackalloc byte[sizeof(uint)];
        using FileStream stream = File.OpenRead(path);
        stream.ReadExactly(start);
        return start.SequenceEqual(GgufHeader.Magic);
    }

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not valid, or has what is not supported; the message names it.</exception>
    public static GgufFile Open(string path)
    {
        FileStream stream = RegularFile.OpenRead(path);
        try
        {
            // Disposing it would dispose the file.
            return new GgufFile(path, stream, new GgufParser(new BufferedStream(stream, BufferBytes), path).Parse());
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads the elements of a row as they are stored.</summary>
    /// <param name="tensor">A tensor of the file.</param>
    /// <param name="row">The row, counted through all dimensions but the last.</param>
    /// <param name="bytes">Receives <see cref="GgufTensor.RowBytes"/>.</param>
    /// <exception cref="InvalidDataException">The file has become shorter.</exception>
    public void ReadRow(GgufTensor tensor, long row, Span<byte> bytes)
    {
        long position = tensor.Start + row * tensor.RowBytes;
        for (int done = 0; done < bytes.Length;)
        {
            int count = RandomAccess.Read(_handle, bytes[done..], position + done);
            if (count == 0)
                throw new InvalidDataException($"'{Path}' ends within tensor {Quoted.Text(tensor.Name)}.");
            done += count;
        }
    }

    public void Dispose() => _stream.Dispose();
}

/// <summary>What a GGUF file says about itself.</summary>
/// <param name="Metadata">Its metadata.</param>
/// <param name="Tensors">Its tensors by their names.</param>
internal sealed record GgufHeader(GgufMetadata Metadata, IReadOnlyDictionary<string, GgufTensor> Tensors)
{
    public const string AlignmentName = "general.alignment";
    public const int DefaultAlignment = 32;

    public static ReadOnlySpan<byte> Magic => "GGUF"u8;
}
