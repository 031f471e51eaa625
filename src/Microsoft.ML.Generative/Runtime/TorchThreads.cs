using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Sets the number of threads that libtorch computes with, and gives it back as it was.</summary>
internal static class TorchThreads
{
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
