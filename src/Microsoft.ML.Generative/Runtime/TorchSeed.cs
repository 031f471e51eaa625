using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Seeds libtorch's global generator, which initializes weights and drives dropout, and restores it. Each GPU has one, too, which is
/// seeded alike; its state cannot be read and so is not restored.
/// </summary>
internal static class TorchSeed
{
    // The generator is one for the process.
    private static readonly Lock _generator = new();
    private static readonly Lazy<bool> _hasGpu = new(torch.cuda.is_available);

    /// <summary>Seeds until the scope is disposed. Other threads that use it meanwhile take from the same numbers.</summary>
    public static IDisposable Scope(long seed) => new SeededScope(seed);

    /// <summary>Seeds again within a scope.</summary>
    public static void Reseed(long seed)
    {
        lock (_generator)
            SeedAll(seed);
    }

    /// <summary>Makes something out of a seed, the same whatever other scopes begin or end meanwhile.</summary>
    public static T Initialize<T>(long seed, Func<T> create)
    {
        lock (_generator)
        {
            using IDisposable scope = Scope(seed);
            return create();
        }
    }

    // TorchSharp's own function seeds the CPU's generator alone.
    private static void SeedAll(long seed)
    {
        torch.random.manual_seed(seed).Dispose();
        if (_hasGpu.Value)
            torch.cuda.manual_seed_all(seed);
    }

    private sealed class SeededScope : IDisposable
    {
        private readonly torch.Tensor _state;

        public SeededScope(long seed)
        {
            TorchRuntime.EnsureLoaded();
            lock (_generator)
            {
                _state = torch.random.get_rng_state().DetachFromDisposeScope();
                SeedAll(seed);
            }
        }

        public void Dispose()
        {
            lock (_generator)
                torch.random.set_rng_state(_state);
            _state.Dispose();
        }
    }
}
