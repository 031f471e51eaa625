using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Sets the number of threads that libtorch computes with, and gives it back as it was.</summary>
internal static partial class TorchThreads
{
    /// <summary>
    /// Lets libtorch's threads wait for each other actively for microseconds and not for milliseconds. GNU OpenMP's default makes a step
    /// many times slower as soon as another process wants a core too; on an idle machine the difference is small. Has an effect before
    /// libtorch is loaded, and not if the user has set a waiting policy.
    /// </summary>
    public static void ShortenWaiting()
    {
        if (OperatingSystem.IsLinux()
            && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null
            && Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") is null)
        {
            // .NET's own variables do not reach native code.
            _ = SetEnvironment("GOMP_SPINCOUNT", "10000", overwrite: 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    public static IDisposable Scope(int? threads) => new ThreadsScope(threads);

    private sealed class ThreadsScope : IDisposable
    {
        private readonly int _before = torch.get_num_threads();
        private readonly bool _isChanged;

        public ThreadsScope(int? threads)
        {
            _isChanged = threads is { } wanted && wanted != _before;
            if (_isChanged)
                torch.set_num_threads(threads!.Value);
        }

        public void Dispose()
        {
            if (_isChanged)
                torch.set_num_threads(_before);
        }
    }
}
