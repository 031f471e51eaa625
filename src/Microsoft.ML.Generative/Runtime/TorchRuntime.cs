using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>Makes sure, before the first tensor, that libtorch is there, and says in one sentence what to do when it is not.</summary>
internal static class TorchRuntime
{
    internal const string LibTorchVersion = "2.10.0";

    private static readonly Lazy<string?> _problem = new(Load);

    /// <exception cref="InvalidOperationException">libtorch is missing or does not fit; the message says which package to add.</exception>
    public static void EnsureLoaded()
    {
        if (_problem.Value is { } problem)
            throw new InvalidOperationException(problem);
    }

    private static string? Load()
    {
        try
        {
            NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return Explain(TorchNativeLoader.SearchFolders(), e.Message);
        }
    }

    internal static string Explain(IEnumerable<string> folders, string loaderMessage)
    {
        string rid = OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";
        string file = OperatingSystem.IsWindows() ? "torch_cpu.dll" : OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so";
        string package =
            $"Add the NuGet package libtorch-cpu-{rid} {LibTorchVersion} to the application (or a CUDA build of the same version, for a "
            + "GPU).";

        string? found = folders.Select(f => Path.Combine(f, file)).FirstOrDefault(File.Exists);
        if (found is null)
            return $"The native library libtorch was not found. {package}";

        string[] lines = loaderMessage.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string reason = lines.FirstOrDefault(
            l => l.Contains("undefined symbol", StringComparison.Ordinal) || l.Contains("version `", StringComparison.Ordinal))
            ?? lines.FirstOrDefault(l => l.Contains(Path.GetDirectoryName(found)!, StringComparison.Ordinal))
            ?? lines.FirstOrDefault()
            ?? "no reason given";
        return $"The native library libtorch in '{found}' could not be used ({reason}); libtorch {LibTorchVersion} for {rid} is expected. "
            + $"{package}";
    }
}
