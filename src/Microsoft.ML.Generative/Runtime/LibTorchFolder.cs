using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// libtorch of an existing installation, such as the folder <c>torch/lib</c> of a Python environment, in place of a NuGet package.
/// </summary>
/// <param name="path">The folder.</param>
/// <param name="source">What named it, for error messages.</param>
internal sealed partial class LibTorchFolder(string path, string source)
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string Variable = "GENERATIVE_LIBTORCH";

    // In the order in which they need each other. A folder with CUDA has all of them.
    private static readonly string[] _libraries = ["c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"];

    /// <summary>The full path of the folder.</summary>
    public string FullPath { get; } = Path.GetFullPath(path);

    private bool HasCuda => File.Exists(FileOf("torch_cuda")) || File.Exists(FileOf("c10_cuda"));

    private string[] Libraries => [.. _libraries.Where(l => HasCuda || !l.EndsWith("_cuda", StringComparison.Ordinal))];

    /// <summary>The file of a native library, as this system names it.</summary>
    public static string FileName(string library) => OperatingSystem.IsWindows()
        ? $"{library}.dll"
        : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>The file of libtorch that the process has loaded, if it has.</summary>
    public static string? LoadedFile()
    {
        string file = FileName("torch_cpu");
        using Process process = Process.GetCurrentProcess();
        return process.Modules.Cast<ProcessModule>()
            .Select(m => m.FileName)
            .FirstOrDefault(f => Path.GetFileName(f).Equals(file, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Loads what the folder has of libtorch.</summary>
    /// <param name="ownFolders">The folders in which the runtime looks for the application's own native libraries.</param>
    /// <returns>What is wrong with it, in one sentence; <see langword="null"/> if libtorch is loaded.</returns>
    public string? Load(IEnumerable<string> ownFolders)
    {
        if (FindProblem(ownFolders) is { } problem)
            return problem;
        foreach (string library in Libraries)
        {
            try
            {
                nint handle = NativeLibrary.Load(FileOf(library));
                if (library == "torch_cpu" && DescribeMismatch(ReadVersion(FullPath) ?? LoadedVersion(handle)) is { } mismatch)
                    return mismatch;
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                string reason = e.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)[0];
                return $"'{FileOf(library)}', which {source} names, could not be loaded: {reason}";
            }
        }

        return null;
    }

    /// <summary>The library that TorchSharp asks for, out of this folder; 0 if it is not there or cannot be used.</summary>
    public nint Resolve(string name, IEnumerable<string> ownFolders)
    {
        string file = FileOf(Path.GetFileNameWithoutExtension(name));
        return File.Exists(file) && Load(ownFolders) is null && NativeLibrary.TryLoad(file, out nint handle) ? handle : 0;
    }

    internal string? FindProblem(IEnumerable<string> ownFolders)
    {
        if (OperatingSystem.IsMacOS())
            return $"{source} names a libtorch, which is supported on Linux and Windows only.";
        if (!Directory.Exists(FullPath))
            return $"The folder '{FullPath}', which {source} names, does not exist.";
        if (Libraries.Select(FileName).Where(f => !File.Exists(Path.Combine(FullPath, f))).ToArray() is { Length: > 0 } missing)
        {
            return $"The folder '{FullPath}', which {source} names, lacks {string.Join(" and ", missing)}: expected is the folder "
                + "torch/lib of a Python environment, or lib of a download of libtorch.";
        }

        if (DescribeMismatch(ReadVersion(FullPath) ?? TorchRuntime.LibTorchVersion) is { } mismatch)
            return mismatch;

        // Two copies of libtorch in one process end it: both register the same operators.
        string? own = ownFolders.Select(f => Path.Combine(f, FileName("torch_cpu"))).Append(LoadedFile())
            .FirstOrDefault(f => File.Exists(f) && RealPath(f) != RealPath(FileOf("torch_cpu")));
        return own is null
            ? null
            : $"{source} names the libtorch in '{FullPath}', but the application brings its own in '{Path.GetDirectoryName(own)}': "
                + "remove its package (libtorch-cpu-…, libtorch-cuda-…, TorchSharp-cpu, TorchSharp-cuda-…), or do not name a folder.";
    }

    /// <summary>
    /// The version that files beside the libraries name, such as <c>2.10.0+cu128</c>: <c>version.py</c> of a Python package,
    /// <c>build-version</c> of a download, the folders of NuGet's cache.
    /// </summary>
    internal static string? ReadVersion(string folder)
    {
        if (Directory.GetParent(folder)?.FullName is not { } parent)
            return null;
        if (ReadText(Path.Combine(parent, "version.py")) is { } python && PythonVersion().Match(python) is { Success: true } found)
            return found.Groups[1].Value;
        if (ReadText(Path.Combine(parent, "build-version")) is { } build)
            return build.Trim();
        return NuGetVersion().Match(folder.Replace('\\', '/')) is { Success: true } package ? package.Groups[1].Value : null;
    }

    /// <summary>The version that libtorch's <c>aoti_torch_abi_version</c> packs into the highest three bytes.</summary>
    internal static string DescribeAbiVersion(ulong version) =>
        string.Create(CultureInfo.InvariantCulture, $"{version >> 56}.{version >> 48 & 0xff}.{version >> 40 & 0xff}");

    internal string? DescribeMismatch(string version)
    {
        // A patch release keeps the binary interface.
        return TorchRuntime.LibTorchReleases.Any(release => version.StartsWith($"{release}.", StringComparison.Ordinal))
            ? null
            : $"The libtorch in '{FullPath}', which {source} names, has version {version}, but TorchSharp was built for "
                + $"{TorchRuntime.LibTorchVersion}, runs on {string.Join(" and ", TorchRuntime.LibTorchReleases)}, and other versions "
                + $"have other binary interfaces: name a folder of these, as 'pip install torch=={TorchRuntime.LibTorchVersion}' installs.";
    }

    private static unsafe string LoadedVersion(nint torch) => NativeLibrary.TryGetExport(torch, "aoti_torch_abi_version", out nint function)
        ? DescribeAbiVersion(((delegate* unmanaged[Cdecl]<ulong>)function)())
        : "before 2.9";

    private static string? ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string RealPath(string file)
    {
        // Of the file and of each folder above it.
        string full = Path.GetFullPath(file);
        string real = File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        DirectoryInfo? folder = Directory.GetParent(real);
        string rest = Path.GetFileName(real);
        for (; folder is not null; folder = folder.Parent)
        {
            if (folder.ResolveLinkTarget(returnFinalTarget: true) is { } target)
                return RealPath(Path.Combine(target.FullName, rest));
            rest = Path.Combine(folder.Name, rest);
        }

        return real;
    }

    private string FileOf(string library) => Path.Combine(FullPath, FileName(library));

    [GeneratedRegex("""^__version__\s*=\s*['"]([^'"]+)""", RegexOptions.Multiline)]
    private static partial Regex PythonVersion();

    [GeneratedRegex("/libtorch-[^/]+/([0-9][^/]*)/runtimes/[^/]+/native/?$")]
    private static partial Regex NuGetVersion();
}
