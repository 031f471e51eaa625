using System.Buffers;
using Microsoft.ML.Generative.Common;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>A safetensors file read once from front to back, as from an entry of a zip file. The stream stays the caller's.</summary>
internal sealed class SafetensorsStream : ISafetensorsReader
{
    private readonly Stream _stream;
    private readonly bool _lengthKnown;
    private bool _read;

    /// <param name="stream">Stands at the first byte of the file; need not be seekable.</param>
    /// <param name="source">The file as error messages shall name it.</param>
    /// <param name="length">The bytes of the file; by default what a seekable stream has left.</param>
    /// <exception cref="InvalidDataException">The header is not valid.</exception>
    public SafetensorsStream(Stream stream, string source, long? length = null)
    {
        _stream = stream;
        length ??= stream.CanSeek ? stream.Length - stream.Position : null;
        _lengthKnown = length is not null;
        Header = SafetensorsHeader.Read(stream, source, length);
    }

    public string Source => Header.Source;

    public SafetensorsHeader Header { get; }

    public IReadOnlyDictionary<string, SafetensorsInfo> Tensors => Header.ByName;

    public IReadOnlyDictionary<string, string> Metadata => Header.Metadata;

    /// <summary>Reads the rest of the file; a second call is an error.</summary>
    public void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations)
    {
        TorchRuntime.EnsureLoaded();
        if (_read)
            throw new InvalidOperationException($"'{Source}' has been read already; a stream is read once.");

        var tensors = Header.Match(destinations);
        _read = true;
        foreach (var (info, tensor) in tensors)
        {
            if (tensor is null)
                Skip(info);
            else
                TensorPieces.Read(tensor, bytes =>
                {
                    Fill(info, bytes);
                    Header.CheckData(info, bytes);
                });
        }

        if (!_lengthKnown && _stream.ReadByte() >= 0)
            throw SafetensorsHeader.Bad(Source, $"it continues after the {Header.DataLength} bytes of data that its tensors cover");
    }

    /// <summary>Does nothing: the stream is the caller's.</summary>
    public void Dispose()
    {
    }

    private void Fill(SafetensorsInfo info, Span<byte> bytes)
    {
        if (_stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
            throw SafetensorsHeader.Bad(Source, $"it ends within the {info.Bytes} bytes of tensor {Quoted.Text(info.Name)}");
    }

    private void Skip(SafetensorsInfo info)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        for (long left = info.Bytes; left > 0;)
        {
            int count = (int)Math.Min(left, buffer.Length);
            Fill(info, buffer.AsSpan(0, count));
            left -= count;
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }
}
