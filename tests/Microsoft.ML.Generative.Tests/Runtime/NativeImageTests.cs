using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Tests;

[SupportedOSPlatform("linux")]
public sealed class NativeImageTests
{
    private const string Library = "libz.so.1";

    [LinuxFact]
    public void A_library_is_loaded_from_memory() => AssertWorks(NativeImage.LoadFromMemory(Image(), Library));

    [LinuxFact]
    public void A_library_is_loaded_from_a_temporary_file_that_is_gone_at_once()
    {
        int before = Leftovers();
        AssertWorks(NativeImage.LoadFromTemporaryFile(Image(), Library));
        Assert.Equal(before, Leftovers());

        static int Leftovers() => Directory.GetDirectories(Path.GetTempPath(), "Microsoft.ML.Generative-*").Length;
    }

    [LinuxFact]
    public void What_is_no_library_gives_no_handle()
    {
        Assert.Equal(0, NativeImage.Load("not a library"u8, Library));
        Assert.Equal(0, NativeImage.Load([], Library));
    }

    // .NET's own library for compression: it is on every machine that runs the tests.
    private static byte[] Image() => File.ReadAllBytes(
        Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.IO.Compression.Native.so"));

    private static void AssertWorks(nint handle)
    {
        Assert.NotEqual(0, handle);
        // crc32 of "123456789", the check value of the catalog of CRC algorithms.
        var crc32 = Marshal.GetDelegateForFunctionPointer<Crc32>(NativeLibrary.GetExport(handle, "CompressionNative_Crc32"));
        Assert.Equal(0xCBF43926u, crc32(0, "123456789"u8.ToArray(), 9));
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate uint Crc32(uint crc, byte[] buffer, int length);
}
