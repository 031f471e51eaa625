using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Lets the matrix products of NVIDIA GPUs round their Float32 factors to 10 bits of precision, which their tensor cores multiply several
/// times faster. libtorch has one setting for the process.
/// </summary>
internal static class TensorFloat32
{
    private static readonly Lock _lock = new();
    private static int _users;
    private static bool _before;

    /// <summary>Until the result is disposed of. Products of other threads meanwhile are rounded, too.</summary>
    public static IDisposable Scope() => new Use();

    private sealed class Use : IDisposable
    {
        private bool _isOver;

        public Use()
        {
            lock (_lock)
            {
                if (_users++ > 0)
                    return;
                _before = torch.backends.cuda.matmul.allow_tf32;
                torch.backends.cuda.matmul.allow_tf32 = true;
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                if (_isOver)
                    return;
                _isOver = true;
                if (--_users == 0)
                    torch.backends.cuda.matmul.allow_tf32 = _before;
            }
        }
    }
}
