using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Seeds libtorch's global generator, which weights and dropout are drawn from, and gives it back as it was.
/// </summary>
internal static class TorchSeed
{
    public static IDisposable Scope(long seed) => new SeededScope(seed);

    public static T Initialize<T>(long seed, Func<T> create)
    {
        using IDisposable scope = Scope(seed);
        return create();
    }

    private sealed class SeededScope : IDisposable
    {
        private readonly torch.Tensor _state;

        public SeededScope(long seed)
        {
            TorchRuntime.EnsureLoaded();
            _state = torch.random.get_rng_state().DetachFromDisposeScope();
            torch.random.manual_seed(seed);
        }

        public void Dispose()
        {
            torch.random.set_rng_state(_state);
            _state.Dispose();
        }
    }
}
