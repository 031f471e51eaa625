using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Encoders with the memory or the values of others.</summary>
internal static class EncoderCopies
{
    /// <summary>A network with the memory of another.</summary>
    /// <param name="source">The other network, without adapters.</param>
    /// <param name="architecture">Its architecture; the pooler may be left out.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    /// <param name="usesRecompute">Whether blocks keep only their input for the backward pass.</param>
    public static EncoderNetwork Share(
        EncoderNetwork source, EncoderArchitecture architecture, double dropout = 0, bool usesRecompute = false)
    {
        EncoderNetwork network = ModuleTensors.WithoutValues(
            () => new EncoderNetwork(architecture, dropout) { UsesRecompute = usesRecompute });
        try
        {
            network.to(source.Tokens.Device);
            Dictionary<string, torch.Tensor> tensors =
                ModuleWeights.Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
            foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(network))
                ModuleWeights.Share(tensors[name], tensor);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Copies the tensors that both networks have.</summary>
    public static void CopyCommon(torch.nn.Module source, torch.nn.Module destination)
    {
        using IDisposable noGradient = torch.no_grad();
        Dictionary<string, torch.Tensor> tensors =
            ModuleWeights.Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(destination))
        {
            if (tensors.TryGetValue(name, out torch.Tensor? own))
                tensor.copy_(own);
        }
    }
}
