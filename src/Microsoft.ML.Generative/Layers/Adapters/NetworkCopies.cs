using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>Networks with the memory of others, as far as they store the same.</summary>
internal static class NetworkCopies
{
    /// <summary>A network with the memory of another.</summary>
    /// <param name="source">The other network, without adapters.</param>
    /// <param name="device">Its device.</param>
    /// <param name="create">Creates the network, whose tensors have the names of the other's; some may be left out.</param>
    /// <param name="others">What a tensor that the other lacks shares, by its name. Default: it has all.</param>
    public static TNetwork Share<TNetwork>(
        TNetwork source, torch.Device device, Func<TNetwork> create, Func<string, torch.Tensor>? others = null)
        where TNetwork : torch.nn.Module
    {
        TNetwork network = ModuleTensors.WithoutValues(create);
        try
        {
            network.to(device);
            Dictionary<string, torch.Tensor> tensors =
                ModuleWeights.Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
            foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(network))
                ModuleWeights.Share(tensors.TryGetValue(name, out torch.Tensor? own) ? own : others!(name), tensor);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>A network whose large weights may be in other formats. What both store in the same way is shared.</summary>
    /// <param name="source">The other network, without adapters.</param>
    /// <param name="device">Its device.</param>
    /// <param name="create">Creates the network.</param>
    /// <param name="quantizable">The layers whose weights may differ, with these, in the same order for both.</param>
    public static TNetwork Convert<TNetwork>(
        TNetwork source, torch.Device device, Func<TNetwork> create,
        Func<TNetwork, IEnumerable<(torch.nn.Module Layer, Weight Weight)>> quantizable)
        where TNetwork : torch.nn.Module
    {
        TNetwork network = ModuleTensors.WithoutValues(create);
        HashSet<torch.nn.Module> converted = new(ReferenceEqualityComparer.Instance);
        using IDisposable noGradient = torch.no_grad();
        network.to(device);
        foreach (((torch.nn.Module layer, Weight own), (_, Weight from)) in quantizable(network).Zip(quantizable(source)))
        {
            if (own.Kind == from.Kind)
                continue;
            converted.Add(layer);
            // One at a time, so that no floats of a whole network are in memory.
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor dense = from.Dense().detach();
            if (own is QuantizedWeight quantized)
                quantized.Take(dense);
            else
                own.Plain!.copy_(dense);
        }

        HashSet<string> names = [.. network.named_modules().Where(m => converted.Contains(m.module)).SelectMany(WeightNames)];
        Dictionary<string, torch.Tensor> tensors =
            ModuleWeights.Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(network))
        {
            if (!names.Contains(name) && tensors.TryGetValue(name, out torch.Tensor? own))
                ModuleWeights.Share(own, tensor);
        }

        return network;
    }

    private static IEnumerable<string> WeightNames((string name, torch.nn.Module module) layer) =>
        layer.module.named_parameters(recurse: false).Where(p => p.name != "bias").Select(p => $"{layer.name}.{p.name}");
}
