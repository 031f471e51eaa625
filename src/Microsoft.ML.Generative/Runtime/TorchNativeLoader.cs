using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Loads TorchSharp's native library where the system's libstdc++ is older than GCC 13's (Debian 12, Ubuntu 22.04, RHEL 9).
/// The library names the version GLIBCXX_3.4.32 among its needs although none of its relocations uses it, so a copy in which
/// that one need is weak loads and runs. Where a folder of an existing libtorch is named, what TorchSharp does not find comes from there.
/// </summary>
internal static class TorchNativeLoader
{
    private const string Library = "LibTorchSharp";
    private const string FileName = "libLibTorchSharp.so";
    private const string UnusedNeed = "GLIBCXX_3.4.32";

    private static readonly Lock _copying = new();
    private static nint _copy;

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "The handler must stand before the first use of TorchSharp, whoever makes it.")]
    internal static void Register()
    {
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += Resolve;
    }

    /// <summary>The folders in which the runtime itself looks for native libraries of the application, existing ones only.</summary>
    public static IEnumerable<string> OwnFolders()
    {
        string searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        return searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append(AppContext.BaseDirectory)
            .Where(Directory.Exists)
            .Distinct();
    }

    /// <summary>The folders in which native libraries are looked for, existing ones only.</summary>
    public static IEnumerable<string> SearchFolders()
    {
        string[] others =
        [
            Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"),
            .. PackageFolders(typeof(torch).Assembly.Location),
        ];
        IEnumerable<string> named = TorchRuntime.Folder is { } folder ? [folder.FullPath] : [];
        return named.Concat(OwnFolders()).Concat(others).Where(Directory.Exists).Distinct();
    }

    /// <summary>
    /// The folders of native libraries of TorchSharp's package and of libtorch's. A script or a notebook has no folder of its own, into
    /// which a build would copy them: its assemblies are loaded from NuGet's cache.
    /// </summary>
    /// <param name="assembly">TorchSharp's file: in the cache, it is torchsharp/version/lib/framework/TorchSharp.dll.</param>
    internal static IEnumerable<string> PackageFolders(string assembly)
    {
        DirectoryInfo? version = assembly.Length == 0 ? null : new FileInfo(assembly).Directory?.Parent?.Parent;
        if (version?.Parent is not { Parent: { } cache } package
            || !package.Name.Equals("torchsharp", StringComparison.OrdinalIgnoreCase))
        {
            return [];
        }

        string rid = RuntimeInformation.RuntimeIdentifier;
        string native = Path.Combine("runtimes", rid, "native");
        return
        [
            Path.Combine(version.FullName, native),
            .. ((string[])[$"libtorch-cuda-12.8-{rid}", $"libtorch-cpu-{rid}"])
                .Select(name => Path.Combine(cache.FullName, name, TorchRuntime.LibTorchVersion, native)),
        ];
    }

    private static nint Resolve(Assembly assembly, string name)
    {
        if (assembly != typeof(torch).Assembly)
            return 0;
        if (name is not (Library or FileName or "lib" + Library))
            return TorchRuntime.Folder?.Resolve(name, OwnFolders()) ?? 0;
        if (!OperatingSystem.IsLinux())
            return 0;
        string? path = SearchFolders().Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists);
        return path is null ? 0 : Load(path);
    }

    [SupportedOSPlatform("linux")]
    private static nint Load(string path)
    {
        // Its dependencies first: otherwise their absence, and not the version, may be what the loader reports.
        if (TorchRuntime.Folder is { } folder)
        {
            if (folder.Load(OwnFolders()) is not null)
                return 0;
        }
        else
        {
            LoadDependencies(Path.GetDirectoryName(path)!);
        }

        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException e)
        {
            return e.Message.Contains(UnusedNeed, StringComparison.Ordinal) ? LoadPatchedCopy(path) : 0;
        }
    }

    private static void LoadDependencies(string nextToLibrary)
    {
        foreach (string dependency in (string[])["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"])
        {
            string? path = SearchFolders().Prepend(nextToLibrary).Select(f => Path.Combine(f, dependency)).FirstOrDefault(File.Exists);
            if (path is not null)
                NativeLibrary.TryLoad(path, out _);
        }
    }

    [SupportedOSPlatform("linux")]
    private static nint LoadPatchedCopy(string path)
    {
        // Several threads may need it first, and two copies would be two libraries.
        lock (_copying)
        {
            if (_copy == 0)
            {
                byte[] image = File.ReadAllBytes(path);
                _copy = ElfVersionNeeds.TryMakeWeak(image, UnusedNeed) ? NativeImage.Load(image, FileName) : 0;
            }

            return _copy;
        }
    }
}
