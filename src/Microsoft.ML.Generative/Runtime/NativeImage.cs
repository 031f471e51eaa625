using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Loads a shared object from memory, and leaves no file behind: a service may have no home, and no folder that it can write to.
/// </summary>
[SupportedOSPlatform("linux")]
internal static partial class NativeImage
{
    private const uint CloseOnExec = 1;

    private static readonly ConcurrentBag<SafeFileHandle> _open = [];

    /// <param name="image">The file's bytes.</param>
    /// <param name="name">The file's name.</param>
    /// <returns>The library's handle; 0 if neither memory nor a temporary folder can be used.</returns>
    public static nint Load(ReadOnlySpan<byte> image, string name) =>
        LoadFromMemory(image, name) is not 0 and nint handle ? handle : LoadFromTemporaryFile(image, name);

    internal static nint LoadFromMemory(ReadOnlySpan<byte> image, string name)
    {
        try
        {
            var memory = new SafeFileHandle(CreateMemoryFile(name, CloseOnExec), ownsHandle: true);
            if (memory.IsInvalid)
                return 0;
            RandomAccess.Write(memory, image, 0);
            if (NativeLibrary.TryLoad($"/proc/self/fd/{memory.DangerousGetHandle()}", out nint handle))
            {
                // It stays open: the loader knows libraries by their paths, and would take the next file of this number for the same one.
                _open.Add(memory);
                return handle;
            }

            memory.Dispose();
            return 0;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException or IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    /// <summary>For systems that forbid memory files. The file is deleted at once: what is mapped stays until the process ends.</summary>
    internal static nint LoadFromTemporaryFile(ReadOnlySpan<byte> image, string name)
    {
        try
        {
            // Only this user can enter it.
            DirectoryInfo folder = Directory.CreateTempSubdirectory("Microsoft.ML.Generative-");
            try
            {
                string path = Path.Combine(folder.FullName, name);
                File.WriteAllBytes(path, image);
                return NativeLibrary.TryLoad(path, out nint handle) ? handle : 0;
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
