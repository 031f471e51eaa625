using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>Shows networks in training as the models that they are so far: without dropout, with their moving averages.</summary>
/// <param name="seed">The training's seed.</param>
/// <param name="networks">The networks.</param>
internal sealed class EvaluationMode(long seed, IReadOnlyList<TrainedNetwork> networks)
{
    /// <summary>The seed of the noise.</summary>
    public long Seed => SeedSequence.Derive(seed, 1);

    /// <summary>
    /// Evaluates the networks, without gradients. The noise is the same every time, so that two epochs' losses can be compared; and none of
    /// the training's, so that it changes no model.
    /// </summary>
    public T Run<T>(Func<torch.Generator, T> evaluate)
    {
        using IDisposable noGradient = torch.no_grad();
        using IDisposable seeded = TorchSeed.Scope(SeedSequence.Derive(seed, 0));
        using var generator = new torch.Generator((ulong)Seed);
        Set(true);
        try
        {
            return evaluate(generator);
        }
        finally
        {
            Set(false);
        }
    }

    private void Set(bool isOn)
    {
        foreach (TrainedNetwork network in networks)
        {
            network.SwapEma();
            network.Module.train(!isOn);
        }
    }
}
