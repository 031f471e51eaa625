using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>The model that a policy is held near to: the one it begins as, without dropout.</summary>
/// <param name="model">The model, which is in use as long as this object.</param>
/// <param name="temperature">The temperature of log-probabilities.</param>
/// <param name="vocabulary">The tokens that they are over, as those of the policy.</param>
internal sealed class ReferenceModel(LanguageModelTransformer model, double temperature, int vocabulary)
{
    private string? _fingerprint;

    /// <summary>Identifies the weights.</summary>
    public string Fingerprint =>
        _fingerprint ??= $"frozen weights of the reference {FrozenParameters.Hash([.. ModuleWeights.Of(model.Network)])}";

    /// <summary>log π_ref of each target, 0 where there is none, [rows, time], on the device of the targets.</summary>
    public torch.Tensor LogProbabilities(torch.Tensor sequences, torch.Tensor targets)
    {
        using IDisposable noGradient = torch.no_grad();
        using IDisposable precision = MixedPrecision.Scope(null);
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor values = TokenLogProbabilities.Of(
            model.Network, sequences.to(model.Device), targets.to(model.Device), temperature, vocabulary);
        return values.to(targets.device).MoveToOuterDisposeScope();
    }
}
