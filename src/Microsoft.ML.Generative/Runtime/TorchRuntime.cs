using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>The native library libtorch, which computes everything: where it is loaded from.</summary>
/// <example>
/// <code>
/// // Before the first model, tensor or data set of the process:
/// TorchRuntime.LibTorchDirectory = "/opt/venv/lib/python3.12/site-packages/torch/lib";
/// </code>
/// </example>
public static class TorchRuntime
{
    internal const string LibTorchVersion = "2.10.0";

    // TorchSharp's native library, built for the version above, also runs on these.
    internal static readonly string[] LibTorchReleases = ["2.10", "2.11"];

    private static readonly Lazy<string?> _problem = new(Load);
    private static readonly Lazy<Thread> _loader = new(StartLoading);
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(30);
    private static LibTorchFolder? _folder = FromEnvironment(Environment.GetEnvironmentVariable(LibTorchFolder.Variable));

    /// <summary>
    /// The folder of an existing libtorch 2.10 or 2.11, with CUDA or without, that is used in place of a NuGet package: <c>torch/lib</c>
    /// of a Python environment, or <c>lib</c> of a download of libtorch. On Linux and Windows. Default: the environment variable
    /// <c>GENERATIVE_LIBTORCH</c>; without it <see langword="null"/>, the libtorch that the application brings.
    /// </summary>
    /// <remarks>
    /// Version and files of the folder are checked where libtorch is needed first, as in <c>Fit</c> or when a model is loaded: that throws
    /// <see cref="InvalidOperationException"/> with a sentence that says what is wrong. An application that names a folder brings no
    /// libtorch of its own.
    /// </remarks>
    /// <exception cref="ArgumentException">The value set is empty or blank.</exception>
    /// <exception cref="InvalidOperationException">
    /// Another value is set after libtorch was loaded, or after <see cref="Preload"/> was called.
    /// </exception>
    public static string? LibTorchDirectory
    {
        get => _folder?.FullPath;
        set
        {
            if (value is not null)
                ArgumentException.ThrowIfNullOrWhiteSpace(value);
            var folder = value is null ? null : new LibTorchFolder(value, $"{nameof(TorchRuntime)}.{nameof(LibTorchDirectory)}");
            if (folder?.FullPath == _folder?.FullPath)
                return;
            if (_loader.IsValueCreated)
                _loader.Value.Join();
            if (LibTorchFolder.LoadedFile() is { } loaded)
            {
                throw new InvalidOperationException(
                    $"libtorch is already loaded, from '{Path.GetDirectoryName(loaded)}': set {nameof(TorchRuntime)}."
                    + $"{nameof(LibTorchDirectory)} at the start of the program, before the first tensor, model or training.");
            }

            if (_loader.IsValueCreated)
            {
                throw new InvalidOperationException(
                    $"libtorch was looked for already: set {nameof(TorchRuntime)}.{nameof(LibTorchDirectory)} before "
                    + $"{nameof(TorchRuntime)}.{nameof(Preload)} and the first training.");
            }

            _folder = folder;
        }
    }

    /// <summary>
    /// Begins to load libtorch on a thread of its own and returns at once. That takes some tenths of a second, in which the program can
    /// read its data and build its pipeline: without this call, they pass when the first training or model needs libtorch.
    /// </summary>
    /// <remarks>
    /// Call it at the start of the program, after <see cref="LibTorchDirectory"/> is set. It throws nothing: what is wrong with libtorch is
    /// said where it is needed first, as without this call. Later calls do nothing. A program that ends meanwhile waits until libtorch is
    /// loaded.
    /// </remarks>
    /// <example>
    /// <code>
    /// TorchRuntime.Preload();
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView rows = mlContext.Data.LoadFromBinary("rows.idv");
    /// </code>
    /// </example>
    public static void Preload() => _ = _loader.Value;

    /// <summary>The folder, if one is named.</summary>
    internal static LibTorchFolder? Folder => _folder;

    /// <summary>Makes sure, before the first tensor, that libtorch is there.</summary>
    /// <exception cref="InvalidOperationException">libtorch is missing or does not fit; the message says what to do.</exception>
    internal static void EnsureLoaded()
    {
        if (_problem.Value is { } problem)
            throw new InvalidOperationException(problem);
    }

    internal static LibTorchFolder? FromEnvironment(string? value) =>
        string.IsNullOrWhiteSpace(value) ? null : new LibTorchFolder(value, LibTorchFolder.Variable);

    private static Thread StartLoading()
    {
        var loader = new Thread(LoadQuietly) { IsBackground = true, Name = "libtorch" };
        // The destructors that run at the end of a process must not meet constructors that still run.
        AppDomain.CurrentDomain.ProcessExit += (_, _) => loader.Join(_longestWait);
        loader.Start();
        return loader;
    }

    private static void LoadQuietly()
    {
        try
        {
            _ = _problem.Value;
        }
        catch (Exception)
        {
            // It is thrown again where libtorch is needed.
        }
    }

    private static string? Load()
    {
        if (_folder?.Load(TorchNativeLoader.OwnFolders()) is { } problem)
            return problem;
        try
        {
            NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null);
            TorchThreads.LimitToProcessors();
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
        string package =
            $"Add the NuGet package libtorch-cpu-{rid} {LibTorchVersion} to the application (or a CUDA build of the same version, for a "
            + "GPU).";

        string? found = folders.Select(f => Path.Combine(f, LibTorchFolder.FileName("torch_cpu"))).FirstOrDefault(File.Exists);
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
