using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Dropout (Srivastava et al. 2014). A training gives it a generator of its own: libtorch has one for the process, which trainings side by
/// side would seed for each other. A GPU's noise comes from libtorch's generator of the device, for TorchSharp can make no other.
/// </summary>
internal static class SeededDropout
{
    [ThreadStatic]
    private static Generator? _generator;

    /// <summary>The generator of this thread's training, if it has one.</summary>
    public static Generator? Current => _generator;

    /// <summary>
    /// Takes the noise of this thread's dropout from a generator of the CPU, or from libtorch's own, until the result is disposed of.
    /// </summary>
    public static IDisposable Scope(Generator? generator) => new GeneratorScope(generator);

    /// <summary>Seeds the noise of this thread's dropout: its generator, and libtorch's own, which a GPU has.</summary>
    public static void Reseed(long seed)
    {
        TorchSeed.Reseed(seed);
        _generator?.manual_seed(seed);
    }

    /// <summary>Sets values to 0 with a probability and scales the others up, in training; otherwise returns them as they are.</summary>
    public static Tensor Apply(Tensor x, double probability, bool isTraining)
    {
        if (!isTraining || probability == 0)
            return x;
        if (_generator is null || x.device_type != DeviceType.CPU)
            return F.dropout(x, probability);
        Tensor isKept = empty_like(x).bernoulli_(1 - probability, _generator);
        return x * isKept.Over(1 - probability);
    }

    private sealed class GeneratorScope : IDisposable
    {
        private readonly Generator? _before = _generator;

        public GeneratorScope(Generator? generator) => _generator = generator;

        public void Dispose() => _generator = _before;
    }
}
