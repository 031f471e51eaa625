using System.IO.MemoryMappedFiles;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>
/// A safetensors file mapped into memory: only the pages of the tensors that are read are loaded, and their bytes go straight to libtorch.
/// Reading is safe from several threads; disposing while reading is not.
/// </summary>
/// <remarks>
/// A file that another program shortens while it is mapped ends the process: the system has no other answer to reading what is gone.
/// </remarks>
internal sealed class SafetensorsFile : ISafetensorsReader
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly nint _data;
    private bool _disposed;

    private unsafe SafetensorsFile(FileStream stream, SafetensorsHeader header)
    {
        Header = header;
        _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        try
        {
            _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            // What the system mapped, a whole number of pages: the file may have shrunk since its header was read.
            if (_view.SafeMemoryMappedViewHandle.ByteLength < (ulong)(header.DataStart + header.DataLength))
                throw SafetensorsHeader.Bad(header.Source, "it became shorter while it was opened");
            byte* start = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            _data = (nint)(start + _view.PointerOffset + header.DataStart);
        }
        catch
        {
            _view?.Dispose();
            _map.Dispose();
            throw;
        }
    }

    public string Source => Header.Source;

    public SafetensorsHeader Header { get; }

    /// <summary>The tensors' names in the order of their data.</summary>
    public IEnumerable<string> Names => Header.Tensors.Select(t => t.Name);

    public IReadOnlyDictionary<string, SafetensorsInfo> Tensors => Header.ByName;

    public IReadOnlyDictionary<string, string> Metadata => Header.Metadata;

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        // Before it is opened, which never ends for a pipe: pipes and devices have no length.
        long length = RegularFile.LengthOf(path);
        if (length < SafetensorsHeader.PrefixBytes)
            throw SafetensorsHeader.Bad(path, $"it has {length} bytes where at least {SafetensorsHeader.PrefixBytes} were expected");

        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            return new SafetensorsFile(stream, SafetensorsHeader.Read(stream, path, stream.Length));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <exception cref="InvalidDataException">The file has no such tensor.</exception>
    public SafetensorsInfo Info(string name) => Header.Find(name);

    /// <summary>Copies a tensor out of the file into a new one on the CPU.</summary>
    /// <exception cref="InvalidDataException">The file has no such tensor.</exception>
    public torch.Tensor Read(string name)
    {
        TorchRuntime.EnsureLoaded();
        SafetensorsInfo info = Header.Find(name);
        torch.Tensor tensor = torch.empty(info.Shape, info.Type, torch.CPU);
        Copy(info, tensor);
        return tensor;
    }

    /// <summary>Copies a tensor out of the file into one of the same type and shape, on any device and of any layout.</summary>
    /// <exception cref="InvalidDataException">The file has no such tensor, or it differs from the destination in type or shape.</exception>
    public void ReadInto(string name, torch.Tensor destination)
    {
        TorchRuntime.EnsureLoaded();
        Copy(Header.FindFor(name, destination), destination);
    }

    public void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations)
    {
        TorchRuntime.EnsureLoaded();
        foreach (var (info, tensor) in Header.Match(destinations))
        {
            if (tensor is not null)
                Copy(info, tensor);
        }
    }

    public void Dispose()
    {
        if (_disposed)
            return;

        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    private void Copy(SafetensorsInfo info, torch.Tensor destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        nint next = _data + (nint)info.Begin;
        TensorPieces.Read(destination, bytes =>
        {
            unsafe
            {
                new ReadOnlySpan<byte>((void*)next, bytes.Length).CopyTo(bytes);
            }

            Header.CheckData(info, bytes);
            next += bytes.Length;
        });
    }
}
