using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Tool;

/// <summary>Finds libtorch, which the tool does not bring: it would be a download of its own for each system.</summary>
internal static class LibTorchSearch
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string Variable = LibTorchFolder.Variable;

    /// <summary>Uses a folder, or what is found where none is named.</summary>
    public static void Apply(string? folder)
    {
        if (folder is not null)
            TorchRuntime.LibTorchDirectory = folder;
        else if (TorchRuntime.LibTorchDirectory is null && !IsIn(TorchNativeLoader.SearchFolders()))
        {
            TorchRuntime.LibTorchDirectory = Find(Environment.GetEnvironmentVariable, System) ?? throw new InvalidOperationException(
                $"libtorch was not found. Name its folder with --libtorch or {Variable}: 'torch/lib' of a Python environment with PyTorch "
                + $"2.10, or 'runtimes/{System}/native' of the NuGet package libtorch-cpu-{System} {TorchRuntime.LibTorchVersion}.");
        }
    }

    /// <summary>The folder in NuGet's cache, where a build of any application with libtorch has left it; null: there is none.</summary>
    internal static string? Find(Func<string, string?> environment, string system)
    {
        string cache = environment("NUGET_PACKAGES") is { Length: > 0 } named ? named
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string folder = Path.Combine(
            cache, $"libtorch-cpu-{system}", TorchRuntime.LibTorchVersion, "runtimes", system, "native");
        return IsIn([folder]) ? folder : null;
    }

    private static string System => OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";

    private static bool IsIn(IEnumerable<string> folders) =>
        folders.Any(folder => File.Exists(Path.Combine(folder, LibTorchFolder.FileName("torch_cpu"))));
}
