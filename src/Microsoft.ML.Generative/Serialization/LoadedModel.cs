using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>A model that is being loaded, and the device that it is loaded to.</summary>
internal sealed class LoadedModel<TDefinition>(IHost host, StoredModel<TDefinition> stored, torch.Device device)
    where TDefinition : IModelDefinition<TDefinition>
{
    private readonly List<torch.nn.Module> _modules = [];

    public IHost Host => host;

    public TDefinition Definition => stored.Definition;

    public torch.Device Device => device;

    /// <summary>Reads a component onto the device.</summary>
    /// <inheritdoc cref="StoredModel{TDefinition}.Read"/>
    public TModule Read<TModule>(Component<TModule> component)
        where TModule : torch.nn.Module
    {
        TModule module = stored.Read(component);
        _modules.Add(module);
        module.to(device);
        return module;
    }

    /// <inheritdoc cref="StoredModel{TDefinition}.ReadFile"/>
    public byte[] ReadFile(string name, int maxBytes) => stored.ReadFile(name, maxBytes);

    /// <summary>Disposes of what has been read, where the loading fails.</summary>
    public void DisposeModules()
    {
        foreach (torch.nn.Module module in _modules)
            module.Dispose();
    }
}
